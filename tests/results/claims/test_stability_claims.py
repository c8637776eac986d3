"""C06, C08 and C26 on runs whose states and figures are known."""

from typing import Any

import pandas as pd
import pytest

from paragone.results import runs
from paragone.results.claims import c06_wgan_stable as c06
from paragone.results.claims import c08_conditional as c08
from paragone.results.claims import c26_diffusion_stable as c26
from paragone.results.claims.base import Evidence, Finding, Verdict, find
from support import sample_project

SUPPORTED, CONTRADICTED, UNMEASURED = Verdict.SUPPORTED, Verdict.CONTRADICTED, Verdict.UNMEASURED
SPACES = ("clf-mnist-5k", "lite0-64")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    root = tmp_path_factory.mktemp("project")
    params = sample_project.make(root, datasets=("mnist-5k",))
    return Evidence(runs.read(root, params, "quick"), {})


def with_rows(project: Evidence, rows: dict[str, dict[str, Any]]) -> Evidence:
    """The three runs of the row dcgan under other names, with these values; a list has one a seed."""
    parts = []
    for row, values in rows.items():
        runs = project.results.runs[project.results.runs["model"] == "dcgan"].copy()
        runs["model"] = runs["title"] = row
        runs["name"] = [f"mnist-5k/{row}/{seed}" for seed in runs["seed"]]
        for column, value in values.items():
            runs[column] = value if isinstance(value, list) else [value] * len(runs)
        parts.append(runs)
    return project._replace(results=project.results._replace(runs=pd.concat(parts, ignore_index=True)))


def modes(**missing: list[float]) -> dict[str, Any]:
    rows = {
        row: [{"seed": s, "outcome": "finished", "missing_share": v} for s, v in enumerate(shares)]
        for row, shares in missing.items()
    }
    return {"mode_coverage": {"dataset": "mnist-5k", "rows": rows}}


def steadiness(p95: list[float]) -> dict[str, Any]:
    peaks = {"stability.grad_p95.generator": p95, "stability.grad_median.generator": 1.0}
    return {**peaks, "stability.state": "healthy"}


def assess_c06(project: Evidence, dcgan: list[float], wgan: list[float]) -> Finding:
    rows = {"dcgan": steadiness([4.0, 4.1, 4.2]), "wgan": steadiness([2.0, 2.1, 2.2])}
    evidence = with_rows(project, rows)._replace(studies=modes(dcgan=dcgan, wgan=wgan))
    return find(c06.CLAIM, c06.effects, evidence)


def test_wgan_that_keeps_the_modes_that_dcgan_loses_is_the_steadier(project: Evidence) -> None:
    finding = assess_c06(project, [0.5, 0.52, 0.48], [0.01, 0.0, 0.02])
    modes_missing, crashes, peaks = finding.effects
    assert modes_missing.size.value == pytest.approx(0.49)
    assert crashes.size.value == 1  # all three of one lack a tenth of the modes, none of the other does
    assert peaks.size.value == pytest.approx(4.1 / 2.1, rel=0.01)
    assert finding.verdict is SUPPORTED


def test_wgan_that_loses_more_is_not(project: Evidence) -> None:
    finding = assess_c06(project, [0.0, 0.0, 0.01], [0.5, 0.5, 0.6])
    assert [e.verdict for e in finding.effects] == [CONTRADICTED, CONTRADICTED, SUPPORTED]
    assert finding.verdict is Verdict.MIXED


def test_without_its_study_or_with_too_few_seeds_it_is_not_measured(project: Evidence) -> None:
    rows = {row: steadiness([1.0, 2.0, 3.0]) for row in ("dcgan", "wgan")}
    assert "study 'mode_coverage'" in find(c06.CLAIM, c06.effects, with_rows(project, rows)).reason
    few = with_rows(project, rows)._replace(studies=modes(dcgan=[0.5, 0.5], wgan=[0.0, 0.0]))
    finding = find(c06.CLAIM, c06.effects, few)
    assert finding.verdict is UNMEASURED
    assert finding.reason == "study 'mode_coverage' has 2 seeds of both rows; it takes at least 3"


def test_modes_are_not_compared_after_different_budgets(project: Evidence) -> None:
    rows = {"dcgan": steadiness([4.0, 4.1, 4.2]) | {"train.images": 450_000}, "wgan": steadiness([2.0, 2.1, 2.2])}
    rows["wgan"]["train.images"] = 60_000
    evidence = with_rows(project, rows)._replace(studies=modes(dcgan=[0.0] * 3, wgan=[0.5] * 3))
    finding = find(c06.CLAIM, c06.effects, evidence)
    assert finding.verdict is UNMEASURED
    assert finding.reason == "mnist-5k: images seen differ: dcgan 450,000, wgan 60,000"


def conditional(fd: float, accuracy: float | None = None, images: int = 60_000) -> dict[str, Any]:
    figures = {f"metrics.spaces.{space}.fd": [fd, 1.02 * fd, 0.99 * fd] for space in SPACES}
    return figures | {
        "metrics.label_accuracy.rate": accuracy,
        "floor.label_accuracy.rate": 0.99,
        "train.images": images,
    }


def test_labels_that_help_and_are_heeded_support_it(project: Evidence) -> None:
    rows = {
        "dcgan": conditional(6),
        "cgan": conditional(2, 0.97),
        "vae": conditional(20),
        "cvae": conditional(9, 0.93),
    }
    finding = find(c08.CLAIM, c08.effects, with_rows(project, rows))
    assert finding.verdict is SUPPORTED
    control = [e for e in finding.effects if e.what.startswith("Label accuracy")]
    assert [e.size.value for e in control] == pytest.approx([0.02, 0.06])


def test_labels_that_are_not_heeded_contradict_its_half(project: Evidence) -> None:
    rows = {
        "dcgan": conditional(6),
        "cgan": conditional(2, 0.5),
        "vae": conditional(20),
        "cvae": conditional(9, 0.93),
    }
    finding = find(c08.CLAIM, c08.effects, with_rows(project, rows))
    assert finding.verdict is Verdict.MIXED
    assert [e.verdict for e in finding.effects if "real test images less that of cgan" in e.what] == [CONTRADICTED]


def test_unequal_budgets_are_no_evidence(project: Evidence) -> None:
    rows = {
        "dcgan": conditional(6),
        "cgan": conditional(2, 0.97, images=80_000),
        "vae": conditional(20),
        "cvae": conditional(9, 0.93),
    }
    finding = find(c08.CLAIM, c08.effects, with_rows(project, rows))
    assert finding.verdict is UNMEASURED
    assert finding.reason == "mnist-5k: training images differ: dcgan 60,000, cgan 80,000"


def assess_c26(project: Evidence, gans: str, diffusion: list[str]) -> Finding:
    rows: dict[str, dict[str, Any]] = {row: {"stability.state": ["healthy", "healthy", gans]} for row in c26.GANS}
    rows |= {row: {"stability.state": diffusion} for row in c26.DIFFUSION}
    return find(c26.CLAIM, c26.effects, with_rows(project, rows))


def test_stable_is_told_from_unstable(project: Evidence) -> None:
    assert assess_c26(project, "collapsed", ["healthy"] * 3).effects[0].size.value == pytest.approx(1 / 3)
    found = assess_c26(project, "collapsed", ["healthy"] * 3)
    assert [e.verdict for e in found.effects] == [SUPPORTED, Verdict.UNCERTAIN]  # 0 of 6: up to 39 %
    turned = assess_c26(project, "healthy", ["diverged", "collapsed", "collapsed"])
    assert [e.verdict for e in turned.effects] == [Verdict.UNCERTAIN, CONTRADICTED]  # 0 of 18: up to 18 %
    assert "ddpm 3 of 3 on MNIST-5K" in turned.reason


def test_a_row_that_has_not_ended_is_named(project: Evidence) -> None:
    rows: dict[str, dict[str, Any]] = {row: {"stability.state": "healthy"} for row in c26.CLAIM.rows}
    rows["sngan"] = {"stability.state": ["healthy", None, None], "outcome": ["finished", "failed", "not run"]}
    finding = find(c26.CLAIM, c26.effects, with_rows(project, rows))
    assert finding.verdict is UNMEASURED
    assert "mnist-5k: 1 runs of 'sngan' ended; it takes at least 3 (seed 1 failed" in finding.reason
