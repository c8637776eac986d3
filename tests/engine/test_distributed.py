"""Two ranks compute what one does."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from paragone.engine.distributed import GlobalNoise, World

SCRIPT = """
import json, sys, tempfile, os
import torch
from dataclasses import dataclass
from pathlib import Path
from torch import nn
from paragone.data.base import ImageSet
from paragone.engine.loop import fit
from paragone.engine.seeding import Stream, seed_all
from paragone.models.base import Model, Plan, Progress, Spec, Update

class Denoiser(Model):
    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass
    def __init__(self, cfg, spec, **parents):
        super().__init__(**parents)
        self.net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.SiLU(), nn.Conv2d(8, 1, 3, padding=1))
    def optimizers(self):
        return {"net": torch.optim.Adam(self.net.parameters(), 1e-3, fused=True)}
    def losses(self, batch, progress):
        x = batch["image"]
        level = torch.rand(len(x), 1, 1, 1) + torch.randint(0, 2, (len(x), 1, 1, 1))
        yield Update("net", (self.net(x + level * torch.randn_like(x)) - x).square().mean())

images = torch.randint(0, 255, (64, 16, 16, 1), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
seed_all(0, Stream.INIT)
plan = Plan(kimg=1.6, batch=16, precision="fp32")
model = Denoiser(Denoiser.Config(), Spec((1, 16, 16)))
result = fit(model, ImageSet(images, None, model_spec := Spec((1, 16, 16))), plan, seed=0,
             folder=Path(tempfile.mkdtemp()), progress=False)
if os.environ.get("RANK", "0") == "0":
    weights = [p.flatten().tolist() for p in result.model.parameters()]
    curve = [row["loss/net"] for row in result.curve]
    Path(sys.argv[1]).write_text(json.dumps({"weights": sum(weights, []), "loss": curve}))
"""


def test_one_rank_and_two_agree(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    for name, command in {"one": [sys.executable], "two": launcher}.items():
        subprocess.run([*command, str(script), str(tmp_path / name)], check=True, timeout=300, capture_output=True)
    one, two = (json.loads(Path(tmp_path / name).read_text()) for name in ("one", "two"))
    assert two["weights"] == pytest.approx(one["weights"], abs=1e-6)
    assert two["loss"] == pytest.approx(one["loss"], abs=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda n: torch.randn(n, 3),
        lambda n: torch.rand((n, 2)),
        lambda n: torch.randint(5, (n,)),
        lambda n: torch.randint(1, 5, size=(2 * n,)),
        lambda n: torch.randn_like(torch.zeros(n, 2)),
    ],
)
def test_the_ranks_slices_are_the_global_draw(make):
    torch.manual_seed(0)
    whole = make(8)
    parts = []
    for rank in range(2):
        torch.manual_seed(0)
        with GlobalNoise(World(rank, 2), batch=8):
            parts.append(make(4))
    assert torch.equal(torch.cat(parts), whole)


def test_draws_of_another_size_are_the_same_on_every_rank():
    draws = []
    for rank in range(2):
        torch.manual_seed(0)
        with GlobalNoise(World(rank, 2), batch=8):
            draws.append(torch.rand(3))
    assert torch.equal(*draws)


def test_a_batch_that_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="batch 9 does not divide by 2 ranks"):
        World(0, 2).share(9)
