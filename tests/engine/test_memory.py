"""A row that does not fit, on a device with room for so many images at once."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.optim import SGD, Optimizer

from paragone.engine import sampling
from paragone.engine.loop import fit
from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update


class Large(Model):
    """Runs out of memory above `room` images."""

    title, paper, plan = "Large", "none", Plan(kimg=1)

    @dataclass(frozen=True, kw_only=True)
    class Config:
        room: int

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg, self.net = cfg, nn.Linear(1, 1)

    def optimizers(self) -> dict[str, Optimizer]:
        return {"net": SGD(self.net.parameters(), 0.1)}

    def sample(self, n: int, cond: torch.Tensor | None = None) -> torch.Tensor:
        if n > self.cfg.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return torch.zeros(n, 1, 8, 8)

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        if len(batch["image"]) > self.cfg.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        yield Update("net", self.net(torch.ones(1)).square().mean())


@pytest.mark.parametrize(
    ("room", "says"),
    [
        (10, "a batch of 8 does: set plan.batch, or take"),
        (0, "nor does a batch of one image; give it a smaller network"),
    ],
)
def test_what_fits_is_said_in_one_sentence(blobs, tmp_path, room, says):
    model = Large(Large.Config(room=room), blobs.spec)
    with pytest.raises(ValueError, match="Large with a batch of 32 does not fit into the memory of") as refused:
        fit(model, blobs, Plan(kimg=0.64, batch=32), seed=0, folder=tmp_path, progress=False)
    assert says in str(refused.value)
    assert not (tmp_path / "state.safetensors").exists()


@pytest.mark.parametrize(
    ("room", "says"), [(10, "; 8 at a time do: set the profile's sample_batch"), (0, ", nor does one; take a card")]
)
def test_how_many_can_be_drawn_at_a_time_is_said_in_one_sentence(room: int, says: str) -> None:
    model = Large(Large.Config(room=room), Spec((1, 8, 8)))
    with pytest.raises(ValueError, match="Large, 32 images at a time, does not fit into the memory of") as refused:
        sampling.sample(model, 40, seed=0, batch=32, device=torch.device("cpu"), progress=False)
    assert says in str(refused.value)
    if room:
        images, seconds = sampling.sample(model, 20, seed=0, batch=8, device=torch.device("cpu"), progress=False)
        assert (len(images), len(seconds)) == (20, 3)
