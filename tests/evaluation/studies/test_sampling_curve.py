"""The study of curves over steps: the same weights in other numbers of steps, counted and measured."""

from pathlib import Path
from typing import Any

import pytest
import torch

from paragone.engine import checkpoint
from paragone.evaluation.studies import sampling_curve
from paragone.project import files, paths
from paragone.project.params import ParamsError
from paragone.report.studies import sampling_curve as report
from paragone.results import runs
from paragone.stages import sample, study, train
from support import square_images

SMALL = {"width": 16, "multipliers": [1], "blocks": 1, "attention": [], "patch": 4}
MODELS: dict[str, Any] = {
    "vae": square_images.VAE,
    "ddpm": {"plan": {"kimg": 0.1}, "config": {**SMALL, "timesteps": 8}},
    "ddim": {"config": {"steps": 3}, "parents": {"ddpm": "ddpm"}},
    "strided": {"config": {"steps": 3}, "parents": {"ddpm": "ddpm"}},
    "relay": {"config": {"steps": 2}, "parents": {"gan": "vae", "ddpm": "ddpm"}},
}
OPTIONS: dict[str, Any] = {
    "dataset": "squares", "rows": ["ddim", "ddpm"], "steps": [2, 5], "few": ["relay"], "few_steps": [1],
    "starts": [0.25, 0.5], "whole": ["ddpm", "vae"], "spaces": ["classifier"], "n": 20,
}  # fmt: skip


def params(**options: Any) -> square_images.Params:
    return square_images.params(models=MODELS, studies={"sampling_curve": OPTIONS | options})


@pytest.fixture(scope="module")
def project(squares: Path) -> Path:
    for row in ("ddpm", "ddim", "strided", "relay"):
        train.run(squares, params(), "small", "squares", row, 0)
        sample.run(squares, params(), "small", "squares", row, 0)
    study.run(squares, params(), "small", "sampling_curve")
    return squares


def test_every_point_is_counted_and_measured(project: Path) -> None:
    found = files.read_json(project / paths.study("small", "sampling_curve"))
    at = {row: {p["steps"]: p for p in points if p["start"] is None} for row, points in found["rows"].items()}
    assert {row: list(points) for row, points in at.items()} == {
        "ddpm": [None, 2, 5], "vae": [None], "ddim": [2, 5], "relay": [1],
    }  # fmt: skip
    assert [at[row][k]["passes"] for row, k in (("ddpm", None), ("ddpm", 5), ("ddim", 2), ("relay", 1))] == [8, 5, 2, 1]
    (other,) = (p for p in found["rows"]["relay"] if p["start"] is not None)
    assert (other["steps"], other["start"], other["passes"]) == (1, 0.25, 1)  # 0.5 is where it starts anyway
    assert other["spaces"] != at["relay"][1]["spaces"]
    assert at["ddim"][5]["macs"] == 5 * at["ddim"][2]["macs"] / 2
    for points in at.values():
        for point in points.values():
            (figures,) = point["spaces"].values()
            assert figures["fd"] > 0
            assert 0 <= figures["coverage"] <= 1
            assert point["seconds"] > 0
    (drawn,) = report.plots(found, runs.read(project, params(), "small"))
    assert len(drawn.figure.axes) == 3
    names = [line.get_label() for line in drawn.figure.axes[0].get_lines()]
    assert set(names) == {"DDPM", "DDIM", "VAE", "GAN-diffusion relay", "GAN-diffusion relay, t_0 = 0.25 T"}
    assert "at other times t_0" in drawn.caption


def test_other_steps_are_those_of_a_row_that_was_made_with_them(project: Path) -> None:
    for row, parent in (("ddim", "ddim"), ("strided", "ddpm")):
        model, _ = checkpoint.load_model(project / paths.Run("small", "squares", row, 0).weights)
        other, meta = checkpoint.load_model(project / paths.Run("small", "squares", parent, 0).weights)
        again = sampling_curve.at_steps(other, meta["recipe"], 3, "row")
        torch.manual_seed(0)
        first = model.sample(2)
        torch.manual_seed(0)
        assert torch.equal(first, again.sample(2))


def test_a_relay_from_another_time_is_one_that_was_made_so(project: Path) -> None:
    model, meta = checkpoint.load_model(project / paths.Run("small", "squares", "relay", 0).weights)
    other = sampling_curve.at_steps(model, meta["recipe"], 2, "row", 1.0)
    assert other.times.tolist() == [0, 7]
    whole = model.frozen["ddpm"]
    assert torch.equal(other.frozen["ddpm"].net.stem.weight, whole.net.stem.weight)


def test_a_row_without_steps_or_elsewhere_is_named(project: Path) -> None:
    with pytest.raises(ValueError, match=r"sampling_curve: row 'vae' is a VAE, which has no steps to choose; name it"):
        study.run(project, params(rows=["vae"]), "small", "sampling_curve")
    with pytest.raises((ValueError, ParamsError), match=r"starts is \[0.0\]; each must be above 0 and at most 1"):
        study.run(project, params(starts=[0.0]), "small", "sampling_curve")
    with pytest.raises((ValueError, ParamsError), match=r"steps is \[0\]; it must be one or more numbers from 1 up"):
        study.run(project, params(steps=[0]), "small", "sampling_curve")
