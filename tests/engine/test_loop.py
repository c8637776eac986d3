"""The loop: generator contract, resumption to the bit, averaging, schedules, divergence."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.optim import Optimizer

from paragone.data.base import ImageSet
from paragone.engine.batches import Order, draw
from paragone.engine.loop import Outcome, fit
from paragone.engine.schedules import ema_decay, learning_rate_scale
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


def test_the_order_visits_every_image_once_an_epoch_and_differs_between_epochs():
    order = Order(10, 3, seed=1)
    epochs = [torch.cat([order(step) for step in range(3 * e, 3 * e + 3)]) for e in range(2)]
    assert all(len(set(e.tolist())) == 9 for e in epochs)
    assert not torch.equal(*epochs)
    assert torch.equal(Order(10, 3, seed=1)(4), epochs[1][3:6])  # no need to walk there
    with pytest.raises(ValueError, match="fewer than one batch of 11"):
        Order(10, 11, seed=1)


def test_a_batch_is_scaled_to_one_and_channels_last(blobs):
    batch = draw(blobs, torch.tensor([0, 5]), frozenset({"image", "label"}), torch.device("cpu"))
    assert batch["image"].shape == (2, 1, 32, 32)
    assert batch["image"].min() == -1
    assert batch["image"].max() == pytest.approx(220 / 127.5 - 1)
    assert torch.equal(batch["label"], blobs.labels[[0, 5]])
    with pytest.raises(ValueError, match="has none"):
        draw(blobs._replace(labels=None), torch.tensor([0]), frozenset({"label"}), torch.device("cpu"))


def test_learning_rates_follow_images_not_steps():
    plan = Plan(kimg=100, batch=100, warmup_kimg=10, decay="linear")
    assert learning_rate_scale(plan, 0) == pytest.approx(0.01)
    assert learning_rate_scale(plan, 50) == pytest.approx(0.5)
    assert learning_rate_scale(plan, 100) == pytest.approx(0)
    assert learning_rate_scale(replace(plan, decay="cosine"), 50) == pytest.approx(0.5)
    assert learning_rate_scale(replace(plan, decay="none"), 100) == 1
    stepped = Plan(kimg=500, batch=100, drops=(0.4, 0.7), drop=0.5)
    assert [learning_rate_scale(stepped, kimg) for kimg in (0, 199.9, 200, 349.9, 350, 500)] == [
        1,
        1,
        0.5,
        0.5,
        0.25,
        0.25,
    ]


def test_the_half_life_of_the_average_is_in_images():
    plan = Plan(kimg=1000, batch=100, ema_kimg=10)
    assert ema_decay(plan, 1000) ** (10_000 / 100) == pytest.approx(0.5)
    assert ema_decay(plan, 0.1) < 0.1  # early on the average follows the weights


def test_a_plan_refuses_what_makes_no_sense():
    with pytest.raises(ValueError, match="batch is 0"):
        Plan(kimg=1, batch=0)
    with pytest.raises(ValueError, match="kimg is -1"):
        Plan(kimg=-1)
    with pytest.raises(ValueError, match=r"drops is \[0.7, 0.4\]; give rising shares of the budget"):
        Plan(kimg=1, drops=(0.7, 0.4))
    with pytest.raises(ValueError, match="drop is 0; it must be above 0"):
        Plan(kimg=1, drops=(0.5,), drop=0)
