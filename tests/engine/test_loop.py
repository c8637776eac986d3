"""The loop: generator contract, resumption to the bit, averaging, divergence."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.optim import Optimizer

from paragone.data.base import ImageSet
from paragone.engine.loop import Outcome, fit
from paragone.engine.seeding import Stream, seed_all
from paragone.models.base import Plan
from support.toy import PLAN, Toy, bits


def train(data: ImageSet, folder: Path, plan: Plan = PLAN, *, stop_at: int = 10**9, explode_at: int = -1) -> Outcome:
    seed_all(3, Stream.INIT)
    toy = Toy(Toy.Config(explode_at=explode_at), data.spec)
    return fit(toy, data, plan, seed=3, folder=folder, progress=False, stop=lambda step: step >= stop_at)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_resumed_training_ends_with_the_bits_of_an_uninterrupted_one(blobs, tmp_path, precision):
    plan = replace(PLAN, precision=precision)
    whole = train(blobs, tmp_path / "whole", plan)
    assert train(blobs, tmp_path / "cut", plan, stop_at=70).steps == 70
    resumed = train(blobs, tmp_path / "cut", plan)
    assert resumed.steps == whole.steps == 200
    assert bits(resumed.model) == bits(whole.model)
    assert resumed.curve == whole.curve
    assert (tmp_path / "cut/log.jsonl").read_text() == (tmp_path / "whole/log.jsonl").read_text()


def test_the_loss_falls_and_the_curve_says_so(blobs, tmp_path):
    result = train(blobs, tmp_path)
    assert result.outcome == "finished"
    assert result.curve[-1]["loss/encoder"] < 0.5 * result.curve[0]["loss/encoder"]
    assert result.curve[-1]["kimg"] == 6.4
    assert {"loss/decoder", "grad/encoder", "seen"} <= set(result.curve[0])


def test_the_finished_model_is_the_averaged_one_and_carries_buffers(blobs, tmp_path):
    averaged = train(blobs, tmp_path / "a").model
    raw = train(blobs, tmp_path / "b", replace(PLAN, ema_kimg=0)).model
    assert not torch.equal(averaged.decoder.weight, raw.decoder.weight)
    assert averaged.stepped == raw.stepped == 400
    assert not averaged.training


def test_a_loss_that_is_not_finite_is_an_outcome(blobs, tmp_path):
    result = train(blobs, tmp_path, explode_at=20)
    assert result.outcome == "diverged"
    assert "loss/encoder" in result.reason
    assert "nan" in result.reason
    assert result.steps < 30
    assert train(blobs, tmp_path, explode_at=20).outcome == "diverged"


def test_a_model_without_optimisers_trains_nothing(blobs, tmp_path):
    class Still(Toy):
        def optimizers(self) -> dict[str, Optimizer]:
            return {}

    result = fit(Still(Toy.Config(), blobs.spec), blobs, PLAN, seed=0, folder=tmp_path, progress=False)
    assert (result.outcome, result.steps, result.curve) == ("finished", 0, [])


def test_a_plan_refuses_what_makes_no_sense():
    with pytest.raises(ValueError, match="batch is 0"):
        Plan(kimg=1, batch=0)
    with pytest.raises(ValueError, match="kimg is -1"):
        Plan(kimg=-1)
    with pytest.raises(ValueError, match=r"drops is \[0.7, 0.4\]; give rising shares of the budget"):
        Plan(kimg=1, drops=(0.7, 0.4))
    with pytest.raises(ValueError, match="drop is 0; it must be above 0"):
        Plan(kimg=1, drops=(0.5,), drop=0)
