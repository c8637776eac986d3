"""The study of sampling times: rows in turn, passes counted, the paper's steps, and what a slow row costs."""

import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from paragone.engine import checkpoint, sampling
from paragone.evaluation import intervals
from paragone.evaluation.studies import sampling_time
from paragone.project import files, paths
from paragone.project.params import ParamsError
from paragone.report.studies import sampling_time as report
from paragone.results import runs
from paragone.stages import sample, study, train
from support import square_images

SMALL = {"width": 16, "multipliers": [1], "blocks": 1, "attention": [], "patch": 4}
MODELS: dict[str, Any] = {
    "vae": square_images.VAE,
    "cgan": {"plan": {"kimg": 0.1}, "config": {"hidden": [16, 16, 32], "units": [16, 8, 16]}},  # takes labels
    "dcgan": {"plan": {"kimg": 0.1}, "config": {"width": 4}},
    "ddpm": {"plan": {"kimg": 0.1}, "config": {**SMALL, "timesteps": 12}},
    "ddim": {"config": {"steps": 3}, "parents": {"ddpm": "ddpm"}},
}
TITLES = {"vae": "VAE", "cgan": "CGAN", "dcgan": "DCGAN", "ddpm": "DDPM", "ddim": "DDIM"}
OPTIONS: dict[str, Any] = {"batch": 4, "rounds": 4, "draws": 3, "seconds": 60.0, "paper_steps": []}


def params(models: dict[str, Any] = MODELS, **options: Any) -> square_images.Params:
    return square_images.params(models=models, samples=16, studies={"sampling_time": OPTIONS | options})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    square_images.prepare(root)
    for row in MODELS:
        train.run(root, params(), "small", "squares", row, 0)
        sample.run(root, params(), "small", "squares", row, 0)
    return root


@pytest.fixture(scope="module")
def found(project: Path) -> dict[str, Any]:
    study.run(project, params(), "small", "sampling_time")
    found = files.read_json(project / paths.study("small", "sampling_time"))
    assert found["baseline"] == "dcgan"
    return found


def test_every_row_is_timed_in_every_round(found: dict[str, Any]) -> None:
    rows = found["datasets"]["squares"]["rows"]
    assert set(rows) == {"dcgan", "vae", "cgan", "ddpm", "ddim"}
    assert found["datasets"]["squares"]["shape"] == [1, 32, 32]
    for row in rows.values():
        assert [taken["draws"] for taken in row["first"]] == [3] * 4
        assert len(row["batch"]) == 4
        assert all(0 < taken["wall"] < 10 and 0 < taken["cpu"] < 10 for taken in row["first"] + row["batch"])


def test_passes_are_those_of_the_config(found: dict[str, Any]) -> None:
    rows = found["datasets"]["squares"]["rows"]
    assert {row: timed["passes"] for row, timed in rows.items()} == {
        "dcgan": 1, "vae": 1, "cgan": 1, "ddpm": 12, "ddim": 3,
    }  # fmt: skip


def test_the_baselines_ratio_to_itself_is_one(found: dict[str, Any]) -> None:
    for ratio in found["datasets"]["squares"]["rows"]["dcgan"]["ratio"].values():
        assert (ratio["value"], ratio["low"], ratio["high"]) == (1, 1, 1)


def test_ratios_are_of_the_clock_that_is_named_round_by_round(found: dict[str, Any]) -> None:
    rows, clock = found["datasets"]["squares"]["rows"], found["clock"]
    assert clock == ("cpu" if torch.get_num_threads() == 1 and not torch.cuda.is_available() else "wall")
    for images in ("first", "batch"):
        a, b = ([taken[clock] for taken in rows[row][images]] for row in ("ddpm", "dcgan"))
        assert rows["ddpm"]["ratio"][images] == pytest.approx(intervals.ratio(a, b)._asdict())


def test_the_figure_has_a_line_a_row_the_fastest_first(project: Path, found: dict[str, Any]) -> None:
    (drawn,) = report.plots(found, runs.read(project, params(), "small"))
    assert drawn.name == "sampling_time-squares"
    (ax,) = drawn.figure.axes
    rows = found["datasets"]["squares"]["rows"]
    by_time = sorted(rows, key=lambda row: rows[row]["ratio"]["first"]["value"])
    assert [label.get_text().partition(" (")[0] for label in ax.get_yticklabels()] == [TITLES[row] for row in by_time]
    assert "DDPM (12 passes)" in [label.get_text() for label in ax.get_yticklabels()]
    first, batch = (line for line in ax.get_lines() if line.get_label() in report.IMAGES.values())
    assert list(first.get_xdata()) == sorted(row["ratio"]["first"]["value"] for row in rows.values())
    assert list(batch.get_xdata()) == [rows[row]["ratio"]["batch"]["value"] for row in by_time]


def test_a_slow_row_stops_after_three_rounds(project: Path) -> None:
    study.run(project, params(rows=["ddim"], seconds=1e-6), "small", "sampling_time")
    timed = files.read_json(project / paths.study("small", "sampling_time"))["datasets"]["squares"]
    assert set(timed["rows"]) == {"dcgan", "ddim"}
    assert {len(row["first"]) for row in timed["rows"].values()} == {3}
    assert {taken["draws"] for row in timed["rows"].values() for taken in row["batch"]} == {1}


@pytest.mark.slow
def test_at_its_papers_steps_a_row_has_the_same_network_with_fresh_weights(project: Path) -> None:
    study.run(project, params(rows=["ddpm"], seconds=1.0, paper_steps=["ddpm"]), "small", "sampling_time")
    timed = files.read_json(project / paths.study("small", "sampling_time"))["datasets"]["squares"]
    row, paper = (timed[group]["ddpm"] for group in ("rows", "paper"))
    assert set(timed["paper"]) == {"ddpm"}
    assert (row["weights"], paper["weights"]) == ("trained", "fresh")
    assert (row["passes"], paper["passes"]) == (12, 1000)
    assert paper["parameters"] == row["parameters"]
    assert paper["ratio"]["first"]["value"] > 20 * row["ratio"]["first"]["value"]  # 83 times the passes
    assert len(paper["first"]) == len(paper["batch"]) == sampling_time.FEWEST


class Sleepy(nn.Module):
    """Takes 20 ms an image, most of it asleep."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def sample(self, n: int, cond: object) -> torch.Tensor:
        time.sleep(0.02 * n)
        for _ in range(5):
            self.layer(torch.zeros(1, 1))
        return torch.zeros(n, 1, 4, 4)


def test_the_clocks_tell_waiting_from_work() -> None:
    net: Any = Sleepy()
    sampler = sampling_time.Sampler({}, net, lambda n: (None, None), "fp32", torch.device("cpu"))
    taken = sampler.round(2, draws=3, seconds=60)
    assert taken.draws == 3
    assert taken.wall >= 0.04
    assert taken.cpu < 0.03
    assert sampler.used >= 0.12
    with sampling.counting(net) as counted:
        net.sample(1, None)
    assert counted() == 5


def test_a_diverged_row_is_left_out_and_named(project: Path, tmp_path: Path) -> None:
    run = paths.Run("small", "squares", "vae", 0)
    for file in project.rglob("*"):
        if file.is_file():
            (tmp_path / file.relative_to(project)).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file.relative_to(project)).write_bytes(file.read_bytes())
    tensors, meta = checkpoint.load(tmp_path / run.weights)
    checkpoint.save(tmp_path / run.weights, tensors, {**meta, "outcome": "diverged", "reason": "loss became nan"})
    study.run(tmp_path, params(rows=["vae"]), "small", "sampling_time")
    timed = files.read_json(tmp_path / paths.study("small", "sampling_time"))["datasets"]["squares"]
    assert list(timed["rows"]) == ["dcgan"]
    assert timed["left_out"] == {"vae": "diverged (seed 0: loss became nan)"}
    with pytest.raises(ValueError, match=r"squares: 'vae' diverged .* choose another baseline"):
        study.run(tmp_path, params(baseline="vae"), "small", "sampling_time")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rounds": 2}, r"studies\.sampling_time: rounds is 2; it must be at least 3, or a ratio has no interval"),
        ({"batch": 0}, r"studies\.sampling_time: batch is 0; it must be above 0"),
        ({"baseline": "gan"}, r"sampling_time\.baseline: there is no row 'gan' in the profile; name one that is"),
        ({"rows": ["vea"]}, r"sampling_time\.rows: there is no row 'vea' beside 'dcgan'; remove it"),
        (
            {"datasets": ["mnist"]},
            r"sampling_time\.datasets: 'dcgan' does not run on 'mnist'; it runs on \['squares'\]",
        ),
        (
            {"paper_steps": ["vae"]},
            r"sampling_time\.paper_steps: row 'vae' is a VAE, which has no timesteps; name rows",
        ),
    ],
)
def test_options_that_make_no_sense_are_named(project: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises((ParamsError, ValueError), match=message):
        study.run(project, params(**options), "small", "sampling_time")
