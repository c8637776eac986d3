"""C21: what the learned variance and the cosine schedule buy is told apart, step by step, or crossed."""

from pathlib import Path
from typing import Any

from paragone.results import runs as results
from paragone.results.claims import c21_improved_ddpm as c21
from paragone.results.claims.base import Evidence, Verdict, find
from support import sample_project

NAMES = {"gan": "ddpm_linear", "dcgan": "improved_linear", "vae": "improved_cosine"}
BITS = {"ddpm_linear": 3.0, "improved_linear": 2.5, "improved_cosine": 2.6, "ddpm_cosine": 2.9}
FD = {"ddpm_linear": 20.0, "improved_linear": 19.9, "improved_cosine": 10.0, "ddpm_cosine": 30.0}
SEEDS = range(5)


def rows_of(root: Path, names: dict[str, str]) -> Evidence:
    """Rows under other names, with bounds a little different for each seed, and their curves at all steps."""
    params = sample_project.make(root, seeds=tuple(SEEDS), datasets=("mnist-5k",))
    found = results.read(root, params, "quick")
    runs = found.runs.assign(model=found.runs["model"].replace(names))
    for i, (row, bits) in enumerate(BITS.items()):
        of_row = runs["model"] == row
        runs.loc[of_row, "metrics.bits_per_dimension"] = [bits + 0.001 * i * s for s in runs.loc[of_row, "seed"]]
    return Evidence(found._replace(runs=runs), {"sampling_curve": curve((10, 25, 50))})


def curve(steps: tuple[int, ...]) -> dict[str, Any]:
    """Distances by row, a little different for each seed, in one space."""
    rows = {
        row: [{"seed": s, "steps": k, "spaces": {"clf-mnist-5k": {"fd": fd * (1 + 0.001 * s * (i + 1))}}}
              for k in steps for s in SEEDS]
        for i, (row, fd) in enumerate(FD.items())
    }  # fmt: skip
    return {"dataset": "mnist-5k", "rows": rows}


def test_c21_judges_variance_and_schedule_one_after_the_other(tmp_path: Path) -> None:
    evidence = rows_of(tmp_path, NAMES)
    effects = find(c21.CLAIM, c21.effects, evidence).effects
    assert len(effects) == 12  # bits and three numbers of steps, for each of three parts
    by_part = {part: [e.verdict for e in effects if e.part == part] for part, *_ in c21.STEPWISE}
    supported, contradicted = Verdict.SUPPORTED, Verdict.CONTRADICTED
    assert by_part["variance"][0] is supported
    assert set(by_part["variance"][1:]) <= {Verdict.NO_EFFECT, Verdict.SMALLER}
    assert by_part["schedule"] == [contradicted, supported, supported, supported]
    assert by_part["schedule and variance"] == [supported] * 4
    short = evidence._replace(studies={"sampling_curve": curve((10, 25))})
    assert "did not sample" in find(c21.CLAIM, c21.effects, short).reason


def test_c21_crosses_schedule_and_variance_where_the_fourth_row_is_there(tmp_path: Path) -> None:
    evidence = rows_of(tmp_path, {**NAMES, "ddpm": c21.FOURTH})
    effects = find(c21.CLAIM, c21.effects, evidence).effects
    assert len(effects) == 20  # and the same four for two more changes
    crossed = {part: [e.verdict for e in effects if e.part == part][4:] for part, *_ in c21.CROSSED}
    supported, contradicted = Verdict.SUPPORTED, Verdict.CONTRADICTED
    # the bound falls by 0.1 and by 0.3; the distance rises from 20 to 30, and falls to 10
    assert crossed["schedule"] == [supported, contradicted, contradicted, contradicted]
    assert crossed["variance"] == [supported] * 4
