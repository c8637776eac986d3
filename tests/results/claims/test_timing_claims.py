"""C15, C20 and C23 on times that are known: the ratios, the clock, and what is said where a time is missing."""

import math
from typing import Any

import pandas as pd
import pytest

from paragone.evaluation import intervals
from paragone.project import registry
from paragone.results import runs as results
from paragone.results.claims import c23_few_steps as c23
from paragone.results.claims.base import Evidence, Finding, Verdict, find
from support import sample_project

SECONDS = {"dcgan": 0.002, "ddpm": 0.5, "ddim": 0.1}  # processor time of the first image
ROUNDS = (1.0, 1.1, 0.9, 1.0)  # the machine's pace, round by round


def row(seconds: float, passes: int, rounds: int = 4) -> dict[str, Any]:
    """Timed in so many rounds; a batch of 16 takes eight times as long as one image, the wall clock three times."""
    paces = [pace * (1 + 1e-3 * (-1) ** i * math.log(passes)) for i, pace in enumerate(ROUNDS[:rounds])]
    taken = [{"cpu": seconds * pace, "wall": 3 * seconds * pace, "draws": 2} for pace in paces]
    batch = [{**t, "cpu": 8 * t["cpu"], "wall": 8 * t["wall"]} for t in taken]
    return {"passes": passes, "macs": 5 * passes, "first": taken, "batch": batch}


def timed(**changes: Any) -> dict[str, Any]:
    rows = {name: row(seconds, {"dcgan": 1, "ddpm": 100, "ddim": 25}[name]) for name, seconds in SECONDS.items()}
    timed_rows = {"rows": rows, "paper": {"ddpm": row(5.0, 1000, rounds=3)}, "left_out": {}} | changes
    return {"clock": "cpu", "batch": 16, "datasets": {"mnist-5k": timed_rows}}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> results.Results:
    root = tmp_path_factory.mktemp("project")
    params = sample_project.make(root, seeds=(0, 1, 2, 3, 4), datasets=("mnist-5k",))
    return results.read(root, params, "quick")


def assess(runs: results.Results, name: str, study: dict[str, Any], missing: int = 4) -> Finding:
    """missing: of the 8 modes, in half of the trials."""
    module = registry.load("claims", name)
    trials = {"modes": [[8, 8 - missing], [8, 8]] * 20, "high_quality": [[0.1, 0.9]] * 40}
    cell = {"lr": 0.001, "updates": [500, 1000], "seen": [500, 1000], "trials": trials}
    geometries = {"ring": {"modes": 8, "games": {"non_saturating": [cell]}}}
    studies = {"sampling_time": study, "collapse": {"geometries": geometries}}
    return find(module.CLAIM, module.effects, Evidence(runs, studies))


def test_dcgans_milliseconds_are_of_the_clock_that_the_study_names(runs: results.Results) -> None:
    finding = assess(runs, "c15_dcgan_fast_and_fragile", timed())
    effect, *_ = finding.effects
    assert effect.size.value == pytest.approx(2.0)
    assert (effect.size.n, effect.repeats, effect.verdict) == (4, "rounds", Verdict.SUPPORTED)
    slow = assess(runs, "c15_dcgan_fast_and_fragile", timed(rows={"dcgan": row(0.02, 1)}))
    assert slow.effects[0].verdict is Verdict.CONTRADICTED
    by_wall = assess(runs, "c15_dcgan_fast_and_fragile", {**timed(), "clock": "wall"})
    assert by_wall.effects[0].size.value == pytest.approx(6.0)


def test_dcgans_crashes_are_trials_that_lack_modes_and_runs_that_collapse(runs: results.Results) -> None:
    fragile = assess(runs, "c15_dcgan_fast_and_fragile", timed(), missing=4)
    assert fragile.effects[1].size == intervals.share(20, 40)
    assert fragile.effects[1].verdict is Verdict.SUPPORTED
    assert fragile.effects[2].size == intervals.share(0, 5)  # the images' runs are healthy: up to 43 %
    assert fragile.parts == {"milliseconds": Verdict.SUPPORTED, "crashes": Verdict.UNCERTAIN}
    steady = assess(runs, "c15_dcgan_fast_and_fragile", timed(), missing=0)
    assert steady.effects[1].verdict is Verdict.CONTRADICTED
    assert "DCGAN 0 of 5 on MNIST-5K" in steady.reason


def test_ddpm_is_about_as_much_slower_as_is_said(runs: results.Results) -> None:
    """2500 times at 1,000 steps, 250 at 100, 25 a step too many; rounds pair, so the pace cancels."""
    finding = assess(runs, "c20_ddpm_slower", timed())
    sizes = [effect.size for effect in finding.effects]
    assert [size.value for size in sizes] == pytest.approx([2500, 2500, 1000, 250, 250, 100], rel=0.01)
    assert [size.n for size in sizes] == [3, 3, 1, 4, 4, 1]
    assert [(e.bounds.low, e.bounds.high) for e in finding.effects[::3]] == [(300, 3000), (30, 300)]
    assert "in 1,000 steps over that of DCGAN" in finding.effects[0].what
    assert finding.verdict is Verdict.SUPPORTED


@pytest.mark.parametrize(
    ("seconds", "verdict"), [(0.02, Verdict.SMALLER), (2.0, Verdict.CONTRADICTED), (0.002, Verdict.NO_EFFECT)]
)
def test_ten_times_too_fast_is_smaller_and_too_slow_is_no_longer_about_it(
    runs: results.Results, seconds: float, verdict: Verdict
) -> None:
    rows = timed()["datasets"]["mnist-5k"]["rows"] | {"ddpm": row(seconds, 100)}
    finding = assess(runs, "c20_ddpm_slower", timed(rows=rows))
    assert [effect.verdict for effect in finding.effects[3:5]] == [verdict] * 2
    assert finding.verdict is Verdict.MIXED


def sampled(**factors: float) -> dict[str, Any]:
    """What the study of curves leaves: distances over DDPM's 10, a little different from seed to seed."""

    def points(row: str, steps: tuple[int | None, ...], fd: float) -> list[dict[str, Any]]:
        return [
            {"seed": seed, "steps": k, "spaces": {"clf-mnist-5k": {"fd": fd * (1 + 0.001 * (seed - 2) * len(row))}}}
            for k in steps
            for seed in range(5)
        ]

    own = {"ddpm": 1.0, "strided": 1.5, "ddim": 1.1, "edm": 1.0, "consistency": 1.1, "relay": 1.0} | factors
    rows = {
        "ddpm": [
            *points("ddpm at all steps", (None,), 10 * own["ddpm"]),
            *points("strided", (5, 10, 25), 10 * own["strided"]),
        ],
        "ddim": points("ddim", (5, 10, 25), 10 * own["ddim"]),
        "edm": points("edm", (None,), 10 * own["edm"]),
        "consistency": points("consistency", (1, 2, 4), 10 * own["consistency"]),
    }
    return {"dataset": "mnist-5k", "rows": rows}


def with_rows(runs: results.Results, *rows: str) -> results.Results:
    """The table with rows of other names, which are DDPM's."""
    ddpm = runs.runs[runs.runs["model"] == "ddpm"]
    every = pd.concat([runs.runs, *(ddpm.assign(model=row, title=row) for row in rows)], ignore_index=True)
    return runs._replace(runs=every)


def assess_c23(runs: results.Results, study: dict[str, Any], **factors: float) -> Finding:
    evidence = Evidence(
        with_rows(runs, "edm", "consistency"), {"sampling_time": study, "sampling_curve": sampled(**factors)}
    )
    return find(c23.CLAIM, c23.effects, evidence)


def test_few_steps_keep_the_quality_or_do_not(runs: results.Results) -> None:
    finding = assess_c23(runs, timed())
    assert set(finding.parts.values()) == {Verdict.SUPPORTED}
    assert len(finding.effects) == 1 + 1 + 3 + 3
    assert "(100 steps) over that of DDIM (25)" in finding.effects[1].what
    worse = assess_c23(runs, timed(), ddim=1.5, consistency=3.0)
    assert list(worse.parts.values()) == [Verdict.MIXED, Verdict.NO_EFFECT, Verdict.CONTRADICTED]
    assert "FD-clf of DDPM (25 steps) over that of DDIM (25 steps)" in worse.reason
    rows = timed()["datasets"]["mnist-5k"]["rows"] | {"ddim": row(0.25, 50)}
    assert assess_c23(runs, timed(rows=rows)).effects[1].verdict is Verdict.SMALLER  # twice as fast


def test_a_curve_without_a_row_is_no_verdict(runs: results.Results) -> None:
    study = sampled()
    del study["rows"]["consistency"]
    evidence = Evidence(with_rows(runs, "edm", "consistency"), {"sampling_time": timed(), "sampling_curve": study})
    finding = find(c23.CLAIM, c23.effects, evidence)
    assert finding.verdict is Verdict.UNMEASURED
    reason = "study 'sampling_curve' did not sample 'consistency' in 1 steps; add it to the study's options"
    assert finding.reason == reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"paper": {}}, "mnist-5k: study 'sampling_time' did not time 'ddpm@paper': the study's options leave it out"),
        (
            {"rows": {"ddpm": row(1, 100)}, "left_out": {"dcgan": "diverged (seed 0: loss became nan)"}},
            "mnist-5k: study 'sampling_time' did not time 'dcgan': diverged (seed 0: loss became nan)",
        ),
    ],
)
def test_a_time_that_is_missing_is_no_verdict(runs: results.Results, changes: dict[str, Any], reason: str) -> None:
    finding = assess(runs, "c20_ddpm_slower", timed(**changes))
    assert (finding.verdict, finding.reason) == (Verdict.UNMEASURED, reason)


def test_a_study_of_other_data_sets_is_no_verdict(runs: results.Results) -> None:
    finding = assess(runs, "c15_dcgan_fast_and_fragile", {**timed(), "datasets": {}})
    assert finding.reason == "study 'sampling_time' timed no data set on which dcgan run"
