"""fit(): the only training loop. It knows no model; the generator contract of `models.base` tells it what to do."""

import json
import math
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from paragone.data.base import ImageSet
from paragone.engine import checkpoint, distributed, graphs, hardware, memory, recorders
from paragone.engine.batches import Order, draw, resident
from paragone.engine.graphs import Graphs
from paragone.engine.recorders import Recorder, Taken
from paragone.engine.resumption import (
    averaged_copy,
    load_optimizer,
    load_unfrozen,
    not_frozen,
    optimizer_tensors,
    under,
)
from paragone.engine.schedules import ema_decay, learning_rate_scale, passed
from paragone.engine.seeding import Stream, seed_all
from paragone.engine.selection import HeldOut, Selection
from paragone.models.base import Batch, Model, Plan, Progress, Update

ROWS = 200  # rows of the training curve, whatever the budget
CHECKPOINT_SHARE = 0.02  # of the time, at most, goes into checkpoints
CHECKPOINT_SECONDS = 2.0  # between two of them, at least


class Outcome(NamedTuple):
    """How a training ended, and the finished model (the averaged weights where the plan averages)."""

    outcome: Literal["finished", "diverged"]
    reason: str | None
    model: Model
    steps: int
    seconds: float  # of training by `hardware.seconds`, over all resumptions, without set-up and checkpoints
    precision: str
    curve: list[dict[str, float]]  # rows: kimg, loss/<optimiser>, grad/<optimiser>, the model's own logs
    updates: dict[str, int]  # steps of each optimiser
    drawn: int  # images that the model generated for its updates, over all processes
    replayed: int = 0  # of the steps, those replayed as graphs
    eager: str = ""  # why others, or all, were not; empty if nothing was in the way
    exact: bool = True  # whether replays had the bits of eager steps, and not only were as near as two of these
    selection: Selection | None = None  # the scores by held-out images, where there are any


def fit(
    model: Model,
    data: ImageSet,
    plan: Plan,
    *,
    seed: int,
    folder: Path,
    device: torch.device | None = None,
    progress: bool = True,
    stop: Callable[[int], bool] = lambda step: False,
    recorder: Recorder | None = None,
    held_out: HeldOut | None = None,
) -> Outcome:
    """Train `model` on `data` for plan.kimg thousand images, or go on from the checkpoint in `folder`.

    A run killed at any moment and started again ends with the bits of an uninterrupted one. `folder` must belong to
    this (code, config, plan, data, seed) alone; it holds the checkpoint and `log.jsonl`, the curve so far.
    Loss that is not finite ends the training with the outcome "diverged".
    Under torchrun the batch is the global one. `stop(step)` ends the training early (after a checkpoint).
    Steps are replayed as graphs by `recorder`: by default CUDA's on a GPU, none on a CPU.
    With `held_out` the model sees the other images alone, and is scored by these every plan.eval_every thousand images.
    Raises ValueError for a plan that insists on graphs where there can be none, or on bfloat16 on a GPU without it, and
    for one that does not fit into the GPU's memory.
    """
    device = device or hardware.device()
    try:
        return _fit(model, data, plan, seed, folder, device, progress, stop, recorder, held_out)
    except torch.OutOfMemoryError:
        message = memory.too_little(model, plan, device, lambda smaller: _try(model, data, smaller, seed, device))
    raise ValueError(message)  # outside of the clause, whose error holds on to the tensors that did not fit


def _try(model: Model, data: ImageSet, plan: Plan, seed: int, device: torch.device) -> None:
    """Take one step of a plan, eagerly and for nothing."""
    with tempfile.TemporaryDirectory() as folder:
        _Loop(model, data, plan, seed, Path(folder), device, None).advance()


def _fit(
    model: Model,
    data: ImageSet,
    plan: Plan,
    seed: int,
    folder: Path,
    device: torch.device,
    progress: bool,
    stop: Callable[[int], bool],
    recorder: Recorder | None,
    held_out: HeldOut | None,
) -> Outcome:
    loop = _Loop(model, data, plan, seed, folder, device, held_out)
    if not loop.optimizers:
        return Outcome("finished", None, model.eval(), 0, 0.0, loop.precision, [], {}, 0)
    loop.resume()
    if recorder is None and device.type == "cuda":
        recorder = recorders.Cuda(device)
    with loop.recording(recorder), _bar(loop, progress and loop.world.rank == 0) as bar:
        due = time.monotonic() + CHECKPOINT_SECONDS
        while loop.step < plan.steps and loop.reason is None:
            row = loop.advance()
            bar.update(plan.batch)
            if row is None:
                continue
            bar.set_postfix(
                {k.removeprefix("loss/"): f"{v:.3g}" for k, v in row.items() if k.startswith("loss/")}, refresh=False
            )
            stopping = stop(loop.step)
            if stopping or time.monotonic() > due:
                due = loop.save() + time.monotonic()
            if stopping:
                break
    outcome: Literal["finished", "diverged"] = "finished" if loop.reason is None else "diverged"
    return Outcome(
        outcome,
        loop.reason,
        loop.finished().eval(),
        loop.step,
        loop.seconds,
        loop.precision,
        loop.curve,
        loop.updates,
        loop.drawn,
        loop.replayed + (loop.graphs.replayed if loop.graphs else 0),
        loop.graphs.reason if loop.graphs else loop.eager,
        loop.graphs is None or loop.graphs.exact,
        loop.selection,
    )


class _Loop:
    """The state of one training: what a checkpoint holds, and how it takes one step."""

    def __init__(
        self,
        model: Model,
        data: ImageSet,
        plan: Plan,
        seed: int,
        folder: Path,
        device: torch.device,
        held_out: HeldOut | None,
    ) -> None:
        self.world = distributed.join()
        self.share = self.world.share(plan.batch)
        self.model, self.plan, self.seed, self.folder, self.device = model, plan, seed, folder, device
        self.precision = _precision(plan, device)
        hardware.check_precision(self.precision, device)
        hardware.place(model, device)
        self.data = resident(data, device)
        rest = None if held_out is None else held_out.rest
        self.order = Order(len(data.images) if rest is None else len(rest), plan.batch, seed, of=rest)
        if model.needs_pairs and not data.paired:
            raise ValueError(
                f"{model.title} learns from pairs and the data set's sources belong to no image; choose a set of pairs"
            )
        self.source_order = None  # that of the images
        if data.sources is not None and not model.needs_pairs:  # pairs stay hidden from a model that needs none
            self.source_order = Order(len(data.sources), plan.batch, seed, Stream.SOURCE)
        self.optimizers = model.optimizers()
        self.lr = {k: [g["lr"] for g in o.param_groups] for k, o in self.optimizers.items()}
        self.scale: float | None = None  # of the learning rates, as it was last set
        self.ema = averaged_copy(model) if plan.ema_kimg else None
        self.selection = None
        if held_out is not None and self.world.rank == 0:
            self.selection = Selection(self.ema or averaged_copy(model), held_out.score, self.precision)
        if plan.compile:
            for name, child in model.named_children():
                if name != "frozen":
                    child.compile()
        self.step, self.seconds, self.reason = 0, 0.0, None  # type: tuple[int, float, str | None]
        self.curve: list[dict[str, float]] = []
        self.updates = dict.fromkeys(self.optimizers, 0)
        self.drawn = 0
        self.sums: dict[str, list[Tensor]] = defaultdict(list)
        self.every = max(1, plan.steps // ROWS)
        self.graphs: Graphs | None = None
        self.replayed, self.eager = 0, ""  # steps before the last checkpoint; why there are no graphs

    @contextmanager
    def recording(self, recorder: Recorder | None) -> Iterator[None]:
        """Inside, steps are recorded and replayed, where that can be. To be called once the state is there."""
        self.eager = self._no_graphs(recorder)
        if self.plan.graphs == "always" and self.eager:
            raise ValueError(graphs.always(self.model.title, self.eager))
        if self.eager or recorder is None:
            yield
            return
        self.index = torch.zeros(self.plan.batch, dtype=torch.int64, device=self.device)  # of the step's images
        self.source_index = self.index.clone() if self.source_order else None
        for order in (self.order, self.source_order):
            if order is not None:
                order.device = self.device
        with recorder.session():
            seed = lambda step: seed_all(self.seed, Stream.STEP, step)  # noqa: E731
            insist = self.plan.graphs == "always"
            self.graphs = Graphs(recorder, self.model, self.optimizers, self.device, self._recordable, seed, insist)
            yield

    def _no_graphs(self, recorder: Recorder | None) -> str:
        """Why all steps are eager, if it is known before the first."""
        if self.plan.graphs == "never":
            return "the plan says so"
        if recorder is None:
            return "there is no GPU"
        if self.world.size > 1:
            return f"{self.world.size} processes share the training"
        on_device = self.data.images.device.type == self.device.type
        return "" if on_device else "the images take over half of the GPU's free memory"

    def advance(self) -> dict[str, float] | None:
        """One step; the curve's new row if one is due."""
        started = hardware.seconds(self.device)
        self._scale_learning_rates()
        progress = Progress(self.step, self.step * self.plan.batch / 1000, self.plan.kimg)
        sources = self.source_order(self.step)[self.share] if self.source_order else None
        index = self.order(self.step)[self.share]
        if self.graphs is None:
            seed_all(self.seed, Stream.STEP, self.step)
            with self._noise():  # a set that is binarised dynamically draws its images
                batch = draw(self.data, index, self.model.needs, self.device, sources)
            self._take(batch, progress)
        else:
            self.index.copy_(index)
            if self.source_index is not None and sources is not None:
                self.source_index.copy_(sources)
            taken = self.graphs.step(progress)
            self._note(zip(taken.keys, taken.values.unbind(), strict=True), taken.updates, taken.drawn)
        self.step += 1
        if self.ema is not None:
            self._average(self.ema)
        row = self._row() if self.step % self.every == 0 or self.step == self.plan.steps else None
        self.seconds += hardware.seconds(self.device) - started
        if row is not None:
            self._score(row)
            self._log(row)
        return row

    def _take(self, batch: Batch, progress: Progress) -> None:
        """Take a step, and note what it did."""
        updates = self.model.train().losses(batch, progress)
        while (update := self._next(updates)) is not None:
            self._note(self._apply(update).items(), [update.optimizer], update.drawn)

    def _recordable(self, progress: Progress) -> Taken:
        """The step of a progress on the images of `index`; what it did is returned, and noted nowhere."""
        batch = draw(self.data, self.index, self.model.needs, self.device, self.source_index)
        logs: list[tuple[str, Tensor]] = []
        names, drawn = [], 0
        updates = self.model.train().losses(batch, progress)
        while (update := self._next(updates)) is not None:
            logs += self._apply(update).items()
            names.append(update.optimizer)
            drawn += update.drawn
        values = torch.stack([value.to(self.device) for _, value in logs]) if logs else self.index.new_zeros(0).float()
        return Taken(tuple(key for key, _ in logs), values, tuple(names), drawn)

    def _note(self, logs: Iterable[tuple[str, Tensor]], names: Iterable[str], drawn: int) -> None:
        for name in names:
            self.updates[name] += 1
        self.drawn += drawn * self.world.size
        for key, value in logs:
            self.sums[key].append(value)

    def _next(self, updates: Iterator[Update]) -> Update | None:
        # one autocast region an update: a weight cast inside it is stale once that weight was stepped
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"), self._noise():
            return next(updates, None)

    def _noise(self) -> AbstractContextManager[object]:
        """Inside, random draws are this process's share of the global batch's."""
        return distributed.GlobalNoise(self.world, self.plan.batch) if self.world.size > 1 else nullcontext()

    def _apply(self, update: Update) -> dict[str, Tensor]:
        """Step its optimiser; what is logged of it, 0-d each."""
        optimizer = self.optimizers[update.optimizer]
        params = [p for group in optimizer.param_groups for p in group["params"]]
        optimizer.zero_grad()
        update.loss.backward(inputs=params)  # nothing leaks into the other networks
        distributed.average_gradients(params, self.world)
        grads = [p.grad for p in params if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(grads)
        if self.plan.clip_norm:
            torch.nn.utils.clip_grads_with_norm_(params, self.plan.clip_norm, norm)
        optimizer.step()
        logs = {f"loss/{update.optimizer}": update.loss, f"grad/{update.optimizer}": norm, **update.logs}
        return {key: value.detach().float() for key, value in logs.items()}

    def _scale_learning_rates(self) -> None:
        scale = learning_rate_scale(self.plan, self.step * self.plan.batch / 1000)
        if scale == self.scale:
            return
        self.scale = scale
        for name, optimizer in self.optimizers.items():
            for group, lr in zip(optimizer.param_groups, self.lr[name], strict=True):
                if isinstance(group["lr"], Tensor):  # where the graphs read it
                    group["lr"].fill_(lr * scale)
                else:
                    group["lr"] = lr * scale

    @torch.no_grad()
    def _average(self, ema: Model) -> None:
        decay = ema_decay(self.plan, self.step * self.plan.batch / 1000)
        pairs = [
            (a, b) for (k, a), b in zip(ema.named_parameters(), self.model.parameters(), strict=True) if not_frozen(k)
        ]
        torch._foreach_lerp_([a for a, _ in pairs], [b for _, b in pairs], 1 - decay)
        for (key, a), b in zip(ema.named_buffers(), self.model.buffers(), strict=True):
            if not_frozen(key):
                a.copy_(b)

    def _row(self) -> dict[str, float]:
        row = {"kimg": self.step * self.plan.batch / 1000}
        for key, values in self.sums.items():
            row[key] = distributed.average(torch.stack(values).mean(), self.world).item()
        self.sums.clear()
        bad = next((k for k, v in row.items() if not math.isfinite(v)), None)
        if bad is not None:
            self.reason = f"{bad} became {row[bad]} by {row['kimg']:.4g} kimg (step {self.step} of {self.plan.steps})"
        return row

    def _score(self, row: dict[str, float]) -> None:
        """Add the held-out scores to a row, where they are due there."""
        before = self.curve[-1]["kimg"] if self.curve else 0.0
        last = self.step == self.plan.steps
        if self.selection is None or self.reason or not (last or passed(before, row["kimg"], self.plan.eval_every)):
            return
        if self.ema is None:
            load_unfrozen(self.selection.model, self._unfrozen(self.model))
        row |= self.selection.score_at(row["kimg"])
        if self.plan.keep == "best" and self.selection.improved:
            self.selection.keep(self._unfrozen(self.selection.model))

    def _log(self, row: dict[str, float]) -> None:
        self.curve.append(row)
        if self.world.rank == 0:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / "log.jsonl").open("a") as file:
                file.write(json.dumps(row, sort_keys=True) + "\n")

    def finished(self) -> Model:
        """The model that the training ends with: the last weights (averaged, where the plan averages), or the best."""
        if self.selection is not None and self.selection.best and self.reason is None:
            load_unfrozen(self.selection.model, self.selection.best)
            return self.selection.model
        return self.model if self.ema is None else self.ema

    @staticmethod
    def _unfrozen(model: Model) -> dict[str, Tensor]:
        return {k: v for k, v in model.state_dict().items() if not_frozen(k)}

    def save(self) -> float:
        """Write the checkpoint; the seconds until the next. Only ever at a row of the curve, so that none is lost."""
        if self.world.rank:
            return CHECKPOINT_SECONDS
        started = time.monotonic()
        tensors = {f"model.{k}": v for k, v in self._unfrozen(self.model).items()}
        if self.ema is not None:
            tensors |= {f"ema.{k}": v for k, v in self._unfrozen(self.ema).items()}
        for name, optimizer in self.optimizers.items():
            tensors |= optimizer_tensors(name, optimizer)
        meta: dict[str, Any] = {"step": self.step, "seconds": self.seconds, "reason": self.reason, "curve": self.curve}
        meta |= {"updates": self.updates, "drawn": self.drawn}
        meta["replayed"] = self.replayed + (self.graphs.replayed if self.graphs else 0)
        if self.selection is not None:
            tensors |= {f"best.{k}": v for k, v in self.selection.best.items()}
            meta["selection"] = self.selection.state()
        checkpoint.save(self.folder / "state.safetensors", tensors, meta)
        return max(CHECKPOINT_SECONDS, (time.monotonic() - started) / CHECKPOINT_SHARE)

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one."""
        path = self.folder / "state.safetensors"
        if path.exists():
            tensors, meta = checkpoint.load(path)
            load_unfrozen(self.model, under("model.", tensors))
            if self.ema is not None:
                load_unfrozen(self.ema, under("ema.", tensors))
            for name, optimizer in self.optimizers.items():
                load_optimizer(optimizer, under(f"optimizer.{name}.", tensors))
            self.step, self.seconds, self.curve = meta["step"], meta["seconds"], meta["curve"]
            self.reason, self.updates, self.drawn = meta["reason"], meta["updates"], meta["drawn"]
            self.replayed = meta["replayed"]
            if self.selection is not None:
                self.selection.restore(meta["selection"], under("best.", tensors))
        if self.world.rank == 0:  # rows after the checkpoint will be written again
            self.folder.mkdir(parents=True, exist_ok=True)
            rows = "".join(json.dumps(row, sort_keys=True) + "\n" for row in self.curve)
            (self.folder / "log.jsonl").write_text(rows)


def _precision(plan: Plan, device: torch.device) -> str:
    return plan.precision if plan.precision != "auto" else "bf16" if hardware.has_bf16(device) else "fp32"


def _bar(loop: _Loop, shown: bool) -> "tqdm[Any]":
    live = sys.stderr.isatty()
    return tqdm(
        total=loop.plan.steps * loop.plan.batch,
        initial=loop.step * loop.plan.batch,
        unit=" images",
        unit_scale=True,
        desc=type(loop.model).__name__,
        disable=not shown,
        mininterval=0.2 if live else 10,
        dynamic_ncols=live,
    )
