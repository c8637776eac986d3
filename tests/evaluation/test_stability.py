"""Stability of a run: measures of curves whose answer is known, and the states of a run."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from paragone.evaluation import stability
from paragone.evaluation.metrics.prdc import prdc

KIMG = np.linspace(0.5, 100, 200)
SPACES = ("clf-x", "lite0")
FLOOR = {f"metrics.spaces.{s}.{key}": value for s in SPACES for key, value in (("precision", 0.8), ("coverage", 0.9))}


def curve(**columns: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"kimg": KIMG, **{k.replace("_", "/"): v for k, v in columns.items()}})


def test_gradients_are_the_medians_and_the_percentile_of_the_norms() -> None:
    norms = np.geomspace(1, 100, 200)
    found = stability.of_curve(curve(grad_critic=norms))
    assert found == pytest.approx(
        {
            "grad_median.adversary": 10,
            "grad_p95.adversary": np.quantile(norms, 0.95),
            "grad_trend.adversary": np.median(norms[-20:]) / np.median(norms[:20]),
        },
        rel=1e-3,
    )


def test_a_straight_line_does_not_oscillate_and_a_sine_does() -> None:
    line = 5 - 0.02 * KIMG
    sine = 2 + 0.5 * np.sin(KIMG)
    assert stability.oscillation(KIMG, line) == pytest.approx(0, abs=1e-9)
    assert stability.oscillation(KIMG, sine) == pytest.approx(0.5 / np.sqrt(2) / 2, rel=0.05)


def test_the_oscillation_sees_the_last_half_alone_and_no_scale() -> None:
    draw = np.random.default_rng(0)
    wild = 1 + np.where(KIMG < 50, draw.normal(size=200), 0)
    assert stability.oscillation(KIMG, wild) == pytest.approx(0, abs=1e-9)
    loss = 3 + draw.normal(size=200)
    assert stability.oscillation(KIMG, 7 * loss) == pytest.approx(stability.oscillation(KIMG, loss))
    assert stability.oscillation(KIMG, loss + 100) < 0.1 * stability.oscillation(KIMG, loss)  # as its doc says


def test_rows_that_are_not_finite_and_short_curves_are_left_out() -> None:
    norms = np.ones(200)
    norms[-1] = np.nan
    assert stability.of_curve(curve(grad_generator=norms))["grad_p95.generator"] == 1
    assert stability.of_curve(curve(grad_generator=norms).head(10)) == {}


def run(
    precision: tuple[float, float] = (0.7, 0.7),
    coverage: tuple[float, float] = (0.8, 0.8),
    repeats: float = 0.01,
    missing: int = 0,
    **more: Any,
) -> dict:
    return {
        "outcome": "finished",
        **{f"metrics.spaces.{s}.precision": value for s, value in zip(SPACES, precision, strict=True)},
        **{f"metrics.spaces.{s}.coverage": value for s, value in zip(SPACES, coverage, strict=True)},
        "metrics.duplicates.rate": repeats,
        "metrics.modes.missing": missing,
        "metrics.modes.shares": json.dumps([0.05] * 20),
        **more,
    }


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (run(), "healthy"),
        (run(coverage=(0.44, 0.44)), "collapsed"),  # of a few kinds
        (run(coverage=(0.46, 0.44)), "healthy"),  # one space does not see it
        (run(precision=(0.39, 0.39)), "undertrained"),
        (run(precision=(0.7, 0.39)), "healthy"),  # varied enough: one poor space says nothing against it
        (run(precision=(0.7, 0.39), missing=5), "undertrained"),
        (run(precision=(0.39, 0.7), coverage=(0.44, 0.44)), "undertrained"),
        (
            run(precision=(0.7, 0.39), coverage=(0.44, 0.44)),
            "undertrained",
        ),  # what is unlike the data covers none of it
        (run(precision=(0.39, 0.39), missing=5), "undertrained"),
        (run(precision=(0.39, 0.39), repeats=0.11), "collapsed"),
        (run(repeats=0.1), "healthy"),
        (run(missing=2), "collapsed"),
        (run(missing=1), "healthy"),
        (run(missing=5, **{"metrics.modes.ideal": 3.5}), "healthy"),  # chance misses as many
        ({"outcome": "diverged"}, "diverged"),
        ({"outcome": "failed"}, None),
        ({"outcome": "finished"}, None),
    ],
)
def test_the_state_of_a_run(row: dict, expected: str | None) -> None:
    assert stability.state(row, FLOOR, SPACES) == expected


def test_a_profile_with_one_space_is_judged_by_it() -> None:
    one = SPACES[:1]
    assert stability.state(run(precision=(0.7, 0.39)), FLOOR, one) == "healthy"
    assert stability.state(run(coverage=(0.44, 0.8)), FLOOR, one) == "collapsed"
    assert stability.state(run(), FLOOR, ()) is None


def test_poor_images_that_are_varied_keep_more_than_half_of_the_coverage() -> None:
    """What the rule rests on: of a half that is like the data, and of few kinds."""
    draw = torch.Generator().manual_seed(0)
    real, fresh = (torch.randn(1000, 8, generator=draw) for _ in range(2))
    floor = prdc(real, fresh)["coverage"]
    half = torch.cat([fresh[:500], fresh[500:] + 20])
    few = real[:10].repeat(100, 1) + 0.1 * torch.randn(1000, 8, generator=draw)
    assert prdc(real, half)["coverage"] == pytest.approx(1 - 1.5**-5, abs=0.03)
    assert prdc(real, half)["coverage"] > 0.8 * floor
    assert prdc(real, few)["coverage"] < stability.HALF * floor
    assert prdc(real, few)["precision"] > 0.9
