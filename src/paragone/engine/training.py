"""The state of one training: what a checkpoint holds, and how it goes on by a step."""

import json
import math
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from paragone.data.base import ImageSet
from paragone.engine import checkpoint, distributed, graphs, hardware
from paragone.engine.averages import average, averaged_copy
from paragone.engine.batches import Order, draw, resident
from paragone.engine.graphs import Graphs
from paragone.engine.recorders import Recorder, Taken
from paragone.engine.resumption import load_optimizer, load_unfrozen, not_frozen, optimizer_tensors, under
from paragone.engine.schedules import ema_decay, passed
from paragone.engine.seeding import Stream, seed_all
from paragone.engine.selection import HeldOut, Selection
from paragone.engine.stepper import Stepper
from paragone.models.base import Batch, Model, Plan, Progress

ROWS = 200  # rows of the training curve, whatever the budget
CHECKPOINT_SHARE = 0.02  # of the time, at most, goes into checkpoints
CHECKPOINT_SECONDS = 2.0  # between two of them, at least


class Training:
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
        self.stepper = Stepper(self.optimizers, plan, self.precision, device, self.world)
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
        self.stepper.scale_learning_rates(self.step * self.plan.batch / 1000)
        progress = Progress(self.step, self.step * self.plan.batch / 1000, self.plan.kimg)
        sources = self.source_order(self.step)[self.share] if self.source_order else None
        index = self.order(self.step)[self.share]
        if self.graphs is None:
            seed_all(self.seed, Stream.STEP, self.step)
            with self.stepper.noise():  # a set that is binarised dynamically draws its images
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
            average(self.ema, self.model, ema_decay(self.plan, self.step * self.plan.batch / 1000))
        row = self._row() if self.step % self.every == 0 or self.step == self.plan.steps else None
        self.seconds += hardware.seconds(self.device) - started
        if row is not None:
            self._score(row)
            self._log(row)
        return row

    def _take(self, batch: Batch, progress: Progress) -> None:
        """Take a step, and note what it did."""
        updates = self.model.train().losses(batch, progress)
        while (update := self.stepper.next(updates)) is not None:
            self._note(self.stepper.apply(update).items(), [update.optimizer], update.drawn)

    def _recordable(self, progress: Progress) -> Taken:
        """The step of a progress on the images of `index`; what it did is returned, and noted nowhere."""
        batch = draw(self.data, self.index, self.model.needs, self.device, self.source_index)
        logs: list[tuple[str, Tensor]] = []
        names, drawn = [], 0
        updates = self.model.train().losses(batch, progress)
        while (update := self.stepper.next(updates)) is not None:
            logs += self.stepper.apply(update).items()
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
