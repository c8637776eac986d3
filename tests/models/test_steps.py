"""What a CUDA graph asks of the steps of every registered model, on tensors that have a device and no values."""

from contextlib import nullcontext
from typing import Any

import pytest
import torch

from paragone.engine.batches import draw
from paragone.engine.kinds import Recording, Tree
from paragone.engine.recorders import NoWaiting
from paragone.engine.seeding import Stream, seed_all
from paragone.models.base import Batch, Model, Progress
from paragone.project import registry
from support.nowhere import NOWHERE, NothingFromPython, away
from support.registered import build

STEPS, BATCH, KINDS = 400, 8, 8
MANY = {"consistency": 3}  # of up to 150, one for each number of noise levels: the first are graphs, others eager


@pytest.fixture(params=registry.names("models"))
def name(request) -> str:
    return request.param


def test_steps_wait_for_nothing_compute_with_no_progress_and_are_of_few_kinds(name, blobs, monkeypatch):
    seed_all(0, Stream.INIT)
    model = build(name)
    if not model.optimizers():
        pytest.skip("is not trained")
    batch = draw(blobs._replace(sources=255 - blobs.images), torch.arange(BATCH), model.needs, torch.device("cpu"))
    step(model, batch, Recording(Progress(0, 0.0, 1.0), torch.device("cpu")))  # which may make what stays
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # of such tensors there is none
    away(model)
    batch = {key: value.to(NOWHERE) for key, value in batch.items()}
    kinds = Tree()
    for i in range(STEPS):
        progress = Progress(i, i * BATCH / 1000, STEPS * BATCH / 1000)
        if kinds.find(progress) is None and len(kinds.kinds) < MANY.get(name, KINDS + 1):
            asked = Recording(progress, NOWHERE)
            with NoWaiting(), NothingFromPython():
                step(model, batch, asked)
            assert not asked.used, f"computes with progress.{asked.used}"
            kinds.add(asked)
    assert len(kinds.kinds) <= MANY.get(name, KINDS)


def step(model: Model, batch: Batch, progress: Any) -> None:
    """The losses of a step and their gradients; no weight moves."""
    optimizers = model.optimizers()
    for update in model.train().losses(batch, progress):
        params = [p for group in optimizers[update.optimizer].param_groups for p in group["params"]]
        update.loss.backward(inputs=params)
        assert all(value.device == update.loss.device for value in update.logs.values()), "logs a number of the CPU's"


def test_a_step_that_waits_is_noticed() -> None:
    x = torch.zeros(3, device=NOWHERE)
    for waits in (
        lambda: torch.zeros(3)[0].item(),
        lambda: torch.ones(3)[torch.ones(3) > 0],
        lambda: torch.bincount(torch.zeros(3, dtype=torch.int64)),
        lambda: torch.zeros(3).to(NOWHERE),
        lambda: torch.tensor([1.0], device=NOWHERE),
        lambda: x.new_tensor([1.0]),
        lambda: x.copy_(torch.zeros(3)),
    ):
        with NoWaiting(), NothingFromPython(), pytest.raises(RuntimeError, match="waits for"):
            waits()
