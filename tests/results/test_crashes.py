"""Crash rates from states that are known."""

import pytest

from paragone.evaluation import intervals
from paragone.results import crashes
from paragone.results import runs as results
from paragone.results.claims.base import Evidence, NotMeasuredError, Verdict
from support import sample_project

STUDY = {
    "dataset": "mnist-5k",
    "rows": {
        "dcgan": [
            {"seed": s, "outcome": "finished", "missing_share": share} for s, share in enumerate((0.3, 0.099, 0.1))
        ],
        "wgan_gp": [
            {"seed": 0, "outcome": "finished", "missing_share": 0.0},
            {"seed": 1, "outcome": "diverged"},
            {"seed": 2, "outcome": "finished", "missing_share": 0.0},
        ],
    },
}


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    root = tmp_path_factory.mktemp("project")
    params = sample_project.make(root)
    found = results.read(root, params, "quick")
    runs = found.runs.assign(**{"stability.state": [_state(row) for row in found.rows()]})
    return Evidence(found._replace(runs=runs), {"mode_coverage": STUDY})


def _state(row: dict) -> str | None:
    if row["outcome"] in ("finished", "diverged"):
        bad = {"mnist-5k/gan/0": "collapsed", "fashion-mnist/gan/2": "collapsed", "mnist-5k/gan/1": "undertrained"}
        return "diverged" if row["outcome"] == "diverged" else bad.get(row["name"], "healthy")
    return None


def test_collapsed_and_diverged_runs_are_counted_on_every_data_set(evidence: Evidence) -> None:
    found = crashes.count(evidence, ("gan", "wgan_gp"))
    assert (found.hits, found.n) == (2 + 4, 11)
    assert found.share == intervals.share(6, 11)
    assert found.note == (
        "GAN 1 of 2 on MNIST-5K (1 undertrained), 1 of 3 on FASHION-MNIST; "
        "WGAN-GP 1 of 3 on MNIST-5K, 3 of 3 on FASHION-MNIST"
    )


def test_runs_that_all_learned_nothing_tell_nothing(evidence: Evidence) -> None:
    runs = evidence.results.runs
    undertrained = evidence._replace(
        results=evidence.results._replace(runs=runs.assign(**{"stability.state": "undertrained"}))
    )
    with pytest.raises(
        NotMeasuredError,
        match=r"crashes cannot be told from too small a budget: GAN 0 of 0 on MNIST-5K \(3 undertrained\)",
    ):
        crashes.count(undertrained, ("gan",))


def test_runs_that_have_not_ended_are_no_evidence(evidence: Evidence) -> None:
    with pytest.raises(
        NotMeasuredError, match=r"fashion-mnist: 0 runs of 'vq_vae' ended; .* 3 \(seed 0 failed: train: "
    ):
        crashes.count(evidence, ("vq_vae",))


def test_what_a_study_saw_counts_as_well(evidence: Evidence) -> None:
    short = crashes.short_of_modes(evidence, "dcgan")
    assert short == {"mnist-5k/dcgan/0", "mnist-5k/dcgan/2"}
    assert crashes.count(evidence, ("dcgan",)).hits == 0
    assert crashes.count(evidence, ("dcgan",), short).hits == 2
    assert crashes.missing_modes(evidence, "wgan_gp") == {0: 0.0, 1: 1.0, 2: 0.0}
    with pytest.raises(
        NotMeasuredError, match="study 'mode_coverage' did not sample 'gan'; add it to the study's rows"
    ):
        crashes.missing_modes(evidence, "gan")


@pytest.mark.parametrize(
    ("row", "bound", "verdict"),
    [
        ("wgan_gp", 0.2, Verdict.SUPPORTED),  # 4 of 6: Wilson's interval from 0.30 to 0.90
        ("wgan_gp", 0.3, Verdict.UNCERTAIN),
        ("dcgan", 0.3, Verdict.UNCERTAIN),  # 0 of 6: up to 0.39
        ("dcgan", 0.4, Verdict.CONTRADICTED),
    ],
)
def test_a_bound_is_exceeded_where_wilsons_interval_lies_above(
    evidence: Evidence, row: str, bound: float, verdict: Verdict
) -> None:
    effect = crashes.exceeds(evidence, row, bound)
    assert effect.verdict is verdict
    assert effect.repeats == "runs"
    assert "collapse" in effect.what


def test_a_row_has_fewer_crashes_than_another(evidence: Evidence) -> None:
    effect = crashes.fewer(evidence, "dcgan", "wgan_gp", 0.1)
    assert effect.size == intervals.share_difference((4, 6), (0, 6))
    assert effect.verdict is Verdict.SUPPORTED
    assert crashes.fewer(evidence, "wgan_gp", "dcgan", 0.1).verdict is Verdict.CONTRADICTED
