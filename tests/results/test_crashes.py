"""Crash rates from states that are known."""

import pytest

from paragone.evaluation import intervals
from paragone.results import crashes
from paragone.results import runs as results
from paragone.results.claims.base import Evidence, NotMeasuredError, Verdict
from support import sample_project


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    root = tmp_path_factory.mktemp("project")
    params = sample_project.make(root, seeds=(0, 1, 2, 3, 4))
    found = results.read(root, params, "quick")
    runs = found.runs.assign(**{"stability.state": [_state(row) for row in found.rows()]})
    return Evidence(found._replace(runs=runs), {})


def _state(row: dict) -> str | None:
    if row["outcome"] in ("finished", "diverged"):
        bad = {"mnist-5k/gan/0": "collapsed", "fashion-mnist/gan/2": "collapsed", "mnist-5k/gan/1": "undertrained"}
        return "diverged" if row["outcome"] == "diverged" else bad.get(row["name"], "healthy")
    return None


def test_collapsed_and_diverged_runs_are_counted_on_every_data_set(evidence: Evidence) -> None:
    found = crashes.count(evidence, ("gan", "wgan_gp"))
    assert (found.hits, found.n) == (2 + 6, 19)
    assert found.share == intervals.share(8, 19)
    assert found.note == (
        "GAN 1 of 4 on MNIST-5K (1 undertrained), 1 of 5 on FASHION-MNIST; "
        "WGAN-GP 1 of 5 on MNIST-5K, 5 of 5 on FASHION-MNIST"
    )


def test_runs_that_all_learned_nothing_leave_every_share_open(evidence: Evidence) -> None:
    runs = evidence.results.runs
    undertrained = runs["stability.state"].where(runs["model"] != "ddpm", "undertrained")
    some = evidence._replace(results=evidence.results._replace(runs=runs.assign(**{"stability.state": undertrained})))
    found = crashes.count(some, ("ddpm",))
    assert (found.n, found.share.low, found.share.high) == (0, 0.0, 1.0)
    gan = crashes.count(some, ("gan",))
    told, counted = crashes.fewer(some, ("ddpm",), ("gan",), 0.1)
    assert told.size.low == pytest.approx(gan.share.low - 1)
    assert told.size.high == pytest.approx(gan.share.high)
    assert told.verdict == "too uncertain"
    assert "DDPM 0 of 0 on MNIST-5K (5 undertrained)" in told.note
    assert counted.size.value < 0  # all of the undertrained count as crashes


def test_runs_that_have_not_ended_are_no_evidence(evidence: Evidence) -> None:
    with pytest.raises(
        NotMeasuredError, match=r"fashion-mnist: 0 runs of 'vq_vae' ended; .* 5 \(seed 0 failed: train: "
    ):
        crashes.count(evidence, ("vq_vae",))


@pytest.mark.parametrize(
    ("row", "bound", "verdict"),
    [
        ("wgan_gp", 0.3, Verdict.SUPPORTED),  # 6 of 10: Wilson's interval from 0.31 to 0.83
        ("wgan_gp", 0.4, Verdict.UNCERTAIN),
        ("dcgan", 0.2, Verdict.UNCERTAIN),  # 0 of 10: up to 0.28
        ("dcgan", 0.3, Verdict.CONTRADICTED),
    ],
)
def test_a_bound_is_exceeded_where_wilsons_interval_lies_above(
    evidence: Evidence, row: str, bound: float, verdict: Verdict
) -> None:
    (effect,) = crashes.exceeds(evidence, (row,), bound)
    assert effect.verdict is verdict
    assert effect.repeats == "runs"
    assert "collapse" in effect.what


def test_a_row_has_fewer_crashes_than_another(evidence: Evidence) -> None:
    (effect,) = crashes.fewer(evidence, ("dcgan",), ("wgan_gp",), 0.1)
    assert effect.size == intervals.share_difference((6, 10), (0, 10))
    assert effect.verdict is Verdict.SUPPORTED
    assert not crashes.fewer(evidence, ("wgan_gp",), ("dcgan",), 0.1)  # DCGAN never crashes: no test
    both, counted = crashes.fewer(evidence, ("dcgan", "wgan_gp"), ("gan",), 0.1)
    assert both.what == "Share of runs of GAN that collapse or diverge, less that of DCGAN, WGAN-GP"
    assert both.size == intervals.share_difference((2, 9), (6, 20))
    assert counted.what == f"{both.what}, undertrained ones counted as such"
    assert counted.size == intervals.share_difference((3, 10), (6, 20))


def test_undertrained_runs_are_counted_both_ways(evidence: Evidence) -> None:
    without, counted = crashes.exceeds(evidence, ("gan",), 0.1)
    assert without.size == intervals.share(2, 9)
    assert counted.size == intervals.share(3, 10)
