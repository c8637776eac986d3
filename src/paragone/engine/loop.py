"""fit(): the only training loop. It knows no model; the generator contract of `models.base` tells it what to do."""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from tqdm import tqdm

from paragone.data.base import ImageSet
from paragone.engine import hardware, memory, recorders
from paragone.engine.recorders import Recorder
from paragone.engine.selection import HeldOut, Selection
from paragone.engine.training import CHECKPOINT_SECONDS, Training
from paragone.models.base import Model, Plan


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
        Training(model, data, plan, seed, Path(folder), device, None).advance()


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
    training = Training(model, data, plan, seed, folder, device, held_out)
    if not training.optimizers:
        return Outcome("finished", None, model.eval(), 0, 0.0, training.precision, [], {}, 0)
    training.resume()
    if recorder is None and device.type == "cuda":
        recorder = recorders.Cuda(device)
    with training.recording(recorder), _bar(training, progress and training.world.rank == 0) as bar:
        due = time.monotonic() + CHECKPOINT_SECONDS
        while training.step < plan.steps and training.reason is None:
            row = training.advance()
            bar.update(plan.batch)
            if row is None:
                continue
            bar.set_postfix(
                {k.removeprefix("loss/"): f"{v:.3g}" for k, v in row.items() if k.startswith("loss/")}, refresh=False
            )
            stopping = stop(training.step)
            if stopping or time.monotonic() > due:
                due = training.save() + time.monotonic()
            if stopping:
                break
    return _outcome(training)


def _outcome(training: Training) -> Outcome:
    outcome: Literal["finished", "diverged"] = "finished" if training.reason is None else "diverged"
    return Outcome(
        outcome,
        training.reason,
        training.finished().eval(),
        training.step,
        training.seconds,
        training.precision,
        training.curve,
        training.updates,
        training.drawn,
        training.replayed + (training.graphs.replayed if training.graphs else 0),
        training.graphs.reason if training.graphs else training.eager,
        training.graphs is None or training.graphs.exact,
        training.selection,
    )


def _bar(training: Training, shown: bool) -> "tqdm[Any]":
    live = sys.stderr.isatty()
    return tqdm(
        total=training.plan.steps * training.plan.batch,
        initial=training.step * training.plan.batch,
        unit=" images",
        unit_scale=True,
        desc=type(training.model).__name__,
        disable=not shown,
        mininterval=0.2 if live else 10,
        dynamic_ncols=live,
    )
