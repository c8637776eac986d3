"""C15, C20 and C23 on times that are known: the ratios, the clock, and what is said where a time is missing."""

from typing import Any

import pytest

from paragone.evaluation import intervals
from paragone.project import registry
from paragone.results import runs as results
from paragone.results.claims.base import Evidence, Finding, Verdict, find
from support import sample_project

SECONDS = {"dcgan": 0.002, "ddpm": 0.5, "ddim": 0.1}  # processor time of the first image
ROUNDS = (1.0, 1.1, 0.9, 1.0)  # the machine's pace, round by round


def row(seconds: float, passes: int, rounds: int = 4) -> dict[str, Any]:
    """Timed in so many rounds; a batch of 16 takes eight times as long as one image, the wall clock three times."""
    taken = [{"cpu": seconds * pace, "wall": 3 * seconds * pace, "draws": 2} for pace in ROUNDS[:rounds]]
    batch = [{**t, "cpu": 8 * t["cpu"], "wall": 8 * t["wall"]} for t in taken]
    return {"passes": passes, "first": taken, "batch": batch}


def timed(**changes: Any) -> dict[str, Any]:
    rows = {name: row(seconds, {"dcgan": 1, "ddpm": 100, "ddim": 25}[name]) for name, seconds in SECONDS.items()}
    timed_rows = {"rows": rows, "paper": {"ddpm": row(5.0, 1000, rounds=3)}, "left_out": {}} | changes
    return {"clock": "cpu", "batch": 16, "datasets": {"mnist-5k": timed_rows}}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> results.Results:
    root = tmp_path_factory.mktemp("project")
    params = sample_project.make(root, datasets=("mnist-5k",))
    return results.read(root, params, "quick")


def assess(runs: results.Results, name: str, study: dict[str, Any], missing: float = 0.5) -> Finding:
    module = registry.load("claims", name)
    modes = [{"seed": seed, "outcome": "finished", "missing_share": missing} for seed in range(3)]
    studies = {"sampling_time": study, "mode_coverage": {"dataset": "mnist-5k", "rows": {"dcgan": modes}}}
    return find(module.CLAIM, module.effects, Evidence(runs, studies))


def test_dcgans_milliseconds_are_of_the_clock_that_the_study_names(runs: results.Results) -> None:
    finding = assess(runs, "c15_dcgan_fast_and_fragile", timed())
    effect, _ = finding.effects
    assert effect.size.value == pytest.approx(2.0)
    assert (effect.size.n, effect.repeats, effect.verdict) == (4, "rounds", Verdict.SUPPORTED)
    slow = assess(runs, "c15_dcgan_fast_and_fragile", timed(rows={"dcgan": row(0.02, 1)}))
    assert slow.effects[0].verdict is Verdict.CONTRADICTED
    by_wall = assess(runs, "c15_dcgan_fast_and_fragile", {**timed(), "clock": "wall"})
    assert by_wall.effects[0].size.value == pytest.approx(6.0)


def test_dcgans_crashes_are_runs_that_lack_modes(runs: results.Results) -> None:
    fragile = assess(runs, "c15_dcgan_fast_and_fragile", timed(), missing=0.5)
    assert fragile.effects[1].size == intervals.share(3, 3)
    assert fragile.verdict is Verdict.SUPPORTED
    steady = assess(runs, "c15_dcgan_fast_and_fragile", timed(), missing=0.05)
    assert steady.effects[1].size == intervals.share(0, 3)
    assert steady.verdict is Verdict.UNCERTAIN  # none of three: up to 56 %
    assert "DCGAN 0 of 3 on MNIST-5K" in steady.reason


def test_ddpm_is_compared_by_its_steps(runs: results.Results) -> None:
    """2500 times at 1,000 steps, 250 at 100: at least 300 and 30 are asked for. Rounds pair, so the pace cancels."""
    finding = assess(runs, "c20_ddpm_slower", timed())
    sizes = [effect.size for effect in finding.effects]
    assert [size.value for size in sizes] == pytest.approx([2500, 2500, 250, 250])
    assert [size.high - size.low for size in sizes] == pytest.approx([0, 0, 0, 0], abs=1e-6)
    assert [size.n for size in sizes] == [3, 3, 4, 4]
    assert [effect.at_least for effect in finding.effects] == pytest.approx([300, 300, 30, 30])
    assert "in 1,000 steps over that of DCGAN" in finding.effects[0].what
    assert finding.verdict is Verdict.SUPPORTED


def test_a_ddpm_that_is_fast_at_its_own_steps_alone_is_mixed(runs: results.Results) -> None:
    rows = timed()["datasets"]["mnist-5k"]["rows"] | {"ddpm": row(0.02, 100)}
    finding = assess(runs, "c20_ddpm_slower", timed(rows=rows))
    assert [effect.verdict for effect in finding.effects] == [Verdict.SUPPORTED] * 2 + [Verdict.CONTRADICTED] * 2
    assert finding.verdict is Verdict.MIXED


def test_ddim_must_be_three_times_faster(runs: results.Results) -> None:
    effect = assess(runs, "c23_few_steps", timed()).effects[-1]
    assert effect.size.value == pytest.approx(5.0)
    assert "(100 steps) over that of DDIM (25)" in effect.what
    rows = timed()["datasets"]["mnist-5k"]["rows"] | {"ddim": row(0.25, 50)}
    assert assess(runs, "c23_few_steps", timed(rows=rows)).effects[-1].verdict is Verdict.CONTRADICTED


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
