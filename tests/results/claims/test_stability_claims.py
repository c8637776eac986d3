"""C06, C08 and C26 on runs whose states and figures are known."""

from typing import Any

import pandas as pd
import pytest

from paragone.results import benchmark, runs
from paragone.results.claims import c06_wgan_stable as c06
from paragone.results.claims import c08_conditional as c08
from paragone.results.claims import c26_diffusion_stable as c26
from paragone.results.claims.base import Evidence, Finding, NotMeasuredError, Verdict, find
from support import sample_project

SUPPORTED, CONTRADICTED, UNMEASURED = Verdict.SUPPORTED, Verdict.CONTRADICTED, Verdict.UNMEASURED
SEEDS = (0, 1, 2, 3, 4)
SPACES = ("clf-mnist-5k", "lite0-64")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    root = tmp_path_factory.mktemp("project")
    params = sample_project.make(root, seeds=SEEDS, datasets=("mnist-5k",))
    return Evidence(runs.read(root, params, "quick"), {})


def with_rows(project: Evidence, rows: dict[str, dict[str, Any]]) -> Evidence:
    """The five runs of the row dcgan under other names, with these values; a list has one a seed."""
    parts = []
    for row, values in rows.items():
        runs = project.results.runs[project.results.runs["model"] == "dcgan"].copy()
        runs["model"] = runs["title"] = row
        runs["name"] = [f"mnist-5k/{row}/{seed}" for seed in runs["seed"]]
        for column, value in values.items():
            runs[column] = value if isinstance(value, list) else [value] * len(runs)
        parts.append(runs)
    return project._replace(results=project.results._replace(runs=pd.concat(parts, ignore_index=True)))


def collapse(missing: dict[str, int], trials: int = 20) -> dict[str, Any]:
    """What the study `collapse` leaves: of 25 modes, so many are missing at the end in every trial of a game."""

    def cell(game: str) -> dict[str, Any]:
        seen = [5000, 10000, 20000, 25000] if game == "clipping" else [1000, 2000, 4000, 5000]
        along = [[25, 25 - missing.get(game, 0) // 2, 25, 25 - missing.get(game, 0)] for _ in range(trials)]
        states = {"modes": along, "high_quality": [[0.1, 0.3, 0.6, 0.9]] * trials}
        return {"lr": 0.001, "updates": [1000, 2000, 4000, 5000], "seen": seen, "trials": states}

    games = {game: [cell(game)] for game in (*c26.GAMES, "diffusion")}
    return {"collapse": {"geometries": {"grid": {"modes": 25, "games": games}}}}


def steadiness(p95: list[float]) -> dict[str, Any]:
    peaks = {"stability.grad_p95.generator": p95, "stability.grad_median.generator": 1.0}
    return {**peaks, "stability.state": "healthy"}


def assess_c06(project: Evidence, missing: dict[str, int], **of_wgan: Any) -> Finding:
    original = {**steadiness([4.0, 4.1, 4.2, 4.1, 4.0]), "train.generator_updates": 1000}
    rows = dict.fromkeys(("dcgan", "dcgan_as_critics"), original)
    rows["wgan"] = {**steadiness([2.0, 2.1, 2.2, 2.1, 2.0]), "train.generator_updates": 1000, **of_wgan}
    return find(c06.CLAIM, c06.effects, with_rows(project, rows)._replace(studies=collapse(missing)))


def test_a_wasserstein_loss_that_keeps_the_modes_is_the_steadier(project: Evidence) -> None:
    finding = assess_c06(project, {"non_saturating": 10})
    by_updates, by_points, crashes, *peaks = finding.effects
    assert by_updates.size.value == pytest.approx(10 / 25)
    assert by_points.size.value == pytest.approx(10 / 25)  # after 5,000 points, the first measurement of the critic
    assert crashes.size.value == 1  # all trials of one lack a tenth of the modes, none of the other does
    assert [p.size.value for p in peaks] == pytest.approx([4.08 / 2.08] * 2, rel=0.01)
    assert finding.verdict is SUPPORTED


def test_one_that_loses_more_is_not(project: Evidence) -> None:
    finding = assess_c06(project, {"clipping": 10})
    assert [e.verdict for e in finding.effects] == [
        CONTRADICTED, Verdict.NO_EFFECT, CONTRADICTED, SUPPORTED, SUPPORTED,
    ]  # fmt: skip
    assert finding.parts == {"mode collapse": Verdict.MIXED, "instability": SUPPORTED}


def test_undertrained_trials_do_not_crash(project: Evidence) -> None:
    study = collapse({"non_saturating": 10})
    trials = study["collapse"]["geometries"]["grid"]["games"]["non_saturating"][0]["trials"]
    trials["high_quality"][:5] = [[0.1, 0.2, 0.3, 0.4]] * 5
    trials["modes"][5], trials["high_quality"][5] = [25, None, None, None], [0.1, None, None, None]  # diverged
    trials["modes"][6] = [25] * 4
    found = benchmark.count(project._replace(studies=study), ("non_saturating",))
    assert (found.hits, found.n) == (14, 15)
    assert found.note == "non saturating 14 of 15 on the grid (5 undertrained; 19 of 20 with these)"
    trials["high_quality"][:] = [[0.1, 0.2, 0.3, 0.49]] * 20
    with pytest.raises(NotMeasuredError, match="every trial is undertrained"):
        benchmark.count(project._replace(studies=study), ("non_saturating",))


def test_without_its_study_or_a_game_of_it_it_is_not_measured(project: Evidence) -> None:
    rows = {row: steadiness([1.0, 2.0, 3.0, 2.0, 1.0]) for row in c06.CLAIM.rows}
    assert "study 'collapse'" in find(c06.CLAIM, c06.effects, with_rows(project, rows)).reason
    study = collapse({})
    del study["collapse"]["geometries"]["grid"]["games"]["clipping"]
    finding = find(c06.CLAIM, c06.effects, with_rows(project, rows)._replace(studies=study))
    assert finding.verdict is UNMEASURED
    assert finding.reason == "study 'collapse' did not play 'clipping'; add it to the study's games"


def test_critics_are_not_compared_after_different_budgets(project: Evidence) -> None:
    finding = assess_c06(project, {}, **{"train.generator_updates": 333})
    assert finding.verdict is UNMEASURED
    assert finding.reason.startswith("mnist-5k: images or updates of the generator differ: dcgan_as_critics 1,000")


def conditional(
    fd: float, accuracy: float | None = None, images: int = 60_000, seconds: float = 60.0
) -> dict[str, Any]:
    spread = [1.0, 1.02, 0.99, 1.0, 1.01] if accuracy is None else [1.01, 1.0, 1.0, 1.02, 0.99]
    figures: dict[str, Any] = {f"metrics.spaces.{space}.fd": [fd * s for s in spread] for space in SPACES}
    return figures | {
        "metrics.label_accuracy.rate": accuracy and [accuracy + s for s in (-0.001, 0.0, 0.001, 0.0, 0.0)],
        "floor.label_accuracy.rate": 0.99,
        "train.images": images,
        "train.seconds": seconds,
    }


def assess_c08(project: Evidence, accuracy: float, **of_cgan: float) -> Finding:
    rows = {
        "dcgan": conditional(6),
        "cgan": conditional(2, accuracy, **of_cgan),  # type: ignore[arg-type]
        "vae": conditional(20),
        "cvae": conditional(9, 0.93),
        "dcgan_half": conditional(12),
        "cgan_half": conditional(4, 0.9),
        "vae_half": conditional(30),
        "cvae_half": conditional(20, 0.8),
    }
    return find(c08.CLAIM, c08.effects, with_rows(project, rows))


def test_labels_that_help_and_are_heeded_support_it(project: Evidence) -> None:
    finding = assess_c08(project, 0.97)
    assert finding.parts == {"realism": SUPPORTED, "control": SUPPORTED}
    control = [e for e in finding.effects if e.what.startswith("Label accuracy")]
    assert [e.size.value for e in control] == pytest.approx([0.02, 0.06])


def test_labels_that_are_not_heeded_contradict_its_half(project: Evidence) -> None:
    finding = assess_c08(project, 0.5)
    assert finding.verdict is Verdict.MIXED
    assert [e.verdict for e in finding.effects if "real test images less that of cgan" in e.what] == [CONTRADICTED]


def test_unequal_budgets_are_no_evidence(project: Evidence) -> None:
    finding = assess_c08(project, 0.97, images=80_000)
    assert finding.verdict is UNMEASURED
    assert finding.reason == "mnist-5k: training images differ: dcgan 60,000, cgan 80,000"
    finding = assess_c08(project, 0.97, seconds=90.0)
    assert finding.reason.startswith("mnist-5k: seconds of training differ by more than a factor of 1.25: dcgan 60.0")


def assess_c26(project: Evidence, gans: str, diffusion: str, missing: dict[str, int]) -> Finding:
    states = ["healthy"] * 4
    rows: dict[str, dict[str, Any]] = {row: {"stability.state": [*states, gans]} for row in c26.GANS}
    rows |= {row: {"stability.state": [*states, diffusion]} for row in c26.DIFFUSION}
    return find(c26.CLAIM, c26.effects, with_rows(project, rows)._replace(studies=collapse(missing)))


def test_stable_is_told_from_unstable(project: Evidence) -> None:
    found = assess_c26(project, "collapsed", "healthy", {"minimax": 20, "non_saturating": 20})
    gans, diffusion, trials, runs = found.effects
    assert (gans.size.value, diffusion.size.value, trials.size.value) == pytest.approx((0.4, 0.0, 0.4))
    assert runs.size.value == pytest.approx(1 / 5)
    assert [e.verdict for e in (gans, trials)] == [SUPPORTED, SUPPORTED]
    assert diffusion.verdict is Verdict.UNCERTAIN  # 0 of 20: up to 16 %
    turned = assess_c26(project, "healthy", "diverged", {"diffusion": 20})
    assert [e.verdict for e in turned.effects] == [Verdict.UNCERTAIN, CONTRADICTED, CONTRADICTED]  # no GAN crashed
    assert turned.parts["diffusion"] is CONTRADICTED


def test_a_row_that_has_not_ended_is_named(project: Evidence) -> None:
    rows: dict[str, dict[str, Any]] = {row: {"stability.state": "healthy"} for row in c26.CLAIM.rows}
    rows["lsgan"] = {
        "stability.state": ["healthy", None, None, None, None],
        "outcome": ["finished", "failed", "not run", "not run", "not run"],
    }
    finding = find(c26.CLAIM, c26.effects, with_rows(project, rows)._replace(studies=collapse({"minimax": 5})))
    assert finding.verdict is UNMEASURED
    assert "mnist-5k: 1 runs of 'lsgan' ended; it takes at least 5 (seed 1 failed" in finding.reason
