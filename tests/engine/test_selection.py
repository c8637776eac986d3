"""Scores by held-out images along a training: they change no bit, choose the weights, and survive a kill."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from paragone.data.base import ImageSet
from paragone.engine.loop import Outcome, fit
from paragone.engine.seeding import Stream, seed_all
from paragone.engine.selection import HeldOut
from paragone.models.base import Batch, Model, Plan, Progress
from support.toy import PLAN, Toy, bits

SCORED = replace(PLAN, eval_every=1.6)  # 200 steps of 32: a score every 50
REST = torch.arange(0, 256, 2)
FIGURES = [3.0, 1.0, 2.0, 4.0]


class Scores:
    """The given figures, in order; draws noise in between, as sampling does."""

    def __init__(self, figures: list[float]) -> None:
        self.figures, self.given, self.precisions = figures, 0, set[str]()

    def __call__(self, model: Model, precision: str) -> Mapping[str, float]:
        assert not model.training
        model.sample(2)
        self.given, value = self.given + 1, self.figures[self.given % len(self.figures)]
        self.precisions.add(precision)
        return {"held-out/KID": value, "held-out/FD": 10 * value}


def train(data: ImageSet, folder: Path, plan: Plan, figures: list[float] = FIGURES, stop_at: int = 10**9) -> Outcome:
    seed_all(3, Stream.INIT)
    toy, held_out = Toy(Toy.Config(), data.spec), HeldOut(REST, 128, "test", Scores(figures))
    return fit(
        toy, data, plan, seed=3, folder=folder, progress=False, stop=lambda step: step >= stop_at, held_out=held_out
    )


@pytest.mark.parametrize("ema", [0.0, 1.0])
def test_scores_stand_in_the_curve_and_change_no_weight(blobs: ImageSet, tmp_path: Path, ema: float) -> None:
    scored = train(blobs, tmp_path / "scored", replace(SCORED, ema_kimg=ema))
    plain = train(blobs, tmp_path / "plain", replace(PLAN, ema_kimg=ema, eval_every=100.0))  # scored at the end alone
    assert bits(scored.model) == bits(plain.model)
    at = {row["kimg"]: row["held-out/KID"] for row in scored.curve if "held-out/KID" in row}
    assert at == dict(zip([1.6, 3.2, 4.8, 6.4], FIGURES, strict=True))
    assert scored.selection is not None
    assert (scored.selection.scored, scored.selection.kimg, scored.selection.lowest) == (4, 3.2, 1.0)
    assert plain.selection is not None
    assert plain.selection.scored == 1


@pytest.mark.parametrize("ema", [0.0, 1.0])
def test_the_best_weights_are_those_of_the_lowest_score(blobs: ImageSet, tmp_path: Path, ema: float) -> None:
    plan = replace(SCORED, ema_kimg=ema)
    best = train(blobs, tmp_path / "best", replace(plan, keep="best"))
    at_lowest = train(blobs, tmp_path / "cut", plan, stop_at=100)
    last = train(blobs, tmp_path / "last", plan)
    assert best.steps == 200
    assert bits(best.model) == bits(at_lowest.model)
    assert bits(best.model) != bits(last.model)
    assert not best.model.training


@pytest.mark.parametrize("stop_at", [70, 130])
def test_a_resumed_training_keeps_the_same_weights(blobs: ImageSet, tmp_path: Path, stop_at: int) -> None:
    plan = replace(SCORED, keep="best")
    whole = train(blobs, tmp_path / "whole", plan)
    train(blobs, tmp_path / "cut", plan, stop_at=stop_at)
    resumed = train(blobs, tmp_path / "cut", plan, FIGURES[stop_at // 50 :])
    assert bits(resumed.model) == bits(whole.model)
    assert resumed.curve == whole.curve
    assert resumed.selection is not None
    assert (resumed.selection.scored, resumed.selection.kimg) == (4, 3.2)


def test_a_score_that_is_not_finite_is_never_the_best(blobs: ImageSet, tmp_path: Path) -> None:
    found = train(blobs, tmp_path, replace(SCORED, keep="best"), [float("nan"), 5.0, float("nan"), 6.0])
    assert found.selection is not None
    assert (found.selection.kimg, found.selection.lowest) == (3.2, 5.0)


def test_the_model_sees_the_other_images_alone(blobs: ImageSet, tmp_path: Path) -> None:
    seen: set[int] = set()

    class Watching(Toy):
        def losses(self, batch: Batch, progress: Progress):  # type: ignore[no-untyped-def]
            seen.update(((batch["image"][:, 0, 0, 0] + 1) * 127.5).round().int().tolist())
            return super().losses(batch, progress)

    images = blobs.images.clone()
    images[:, 0, 0, 0] = torch.arange(256).to(torch.uint8)  # each image says which it is
    model = Watching(Toy.Config(), blobs.spec)
    held_out = HeldOut(REST, 128, "test", Scores(FIGURES))
    fit(model, blobs._replace(images=images), SCORED, seed=0, folder=tmp_path, progress=False, held_out=held_out)
    assert seen == set(REST.tolist())


def test_the_best_of_no_scores_is_refused() -> None:
    with pytest.raises(ValueError, match="keep is 'best' and nothing is scored; give eval_every"):
        Plan(kimg=1, keep="best")
