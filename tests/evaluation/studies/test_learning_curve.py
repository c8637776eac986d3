"""The study of learning curves: where it stops, what it measures there, and that it leaves the training as it is."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paragone.evaluation.studies import learning_curve
from paragone.project import files, paths
from paragone.project.params import ParamsError
from paragone.report.studies import learning_curve as report
from paragone.results import runs
from paragone.stages import study, train
from support import square_images

MODELS: dict[str, Any] = {
    "vae": {"plan": {"kimg": 0.5, "batch": 4, "ema_kimg": 0.1, "decay": "cosine"}, "config": {"width": 8}},
    "wgan_gp": {"plan": {"kimg": 0.2, "batch": 4, "ema_kimg": 0.1}, "config": {"width": 4, "n_critic": 2}},
}
OPTIONS: dict[str, Any] = {
    "points": 3, "first": 0.25, "spaces": ["classifier"], "n": 20, "quality": {"classifier": 1e-9},
}  # fmt: skip


def params(**options: Any) -> square_images.Params:
    return square_images.params(models=MODELS, studies={"learning_curve": OPTIONS | options})


@pytest.fixture(scope="module")
def project(squares: Path) -> Path:
    for row in MODELS:  # another VAE among them, which is trained anew
        train.run(squares, params(), "small", "squares", row, 0)
    return squares


@pytest.fixture(scope="module")
def found(project: Path) -> dict[str, Any]:
    study.run(project, params(), "small", "learning_curve")
    content: dict[str, Any] = files.read_json(project / paths.study("small", "learning_curve"))
    return content


def test_the_training_ends_with_the_weights_of_the_rows_own_run(project: Path, found: dict[str, Any]) -> None:
    for name, row in found["rows"].items():
        own = files.read_json(project / paths.Run("small", "squares", name, 0).training)
        last = row["points"][-1]
        assert (row["outcome"], row["same_weights"]) == ("finished", True)
        assert (last["images"], last["updates"]) == (own["images"], own["updates"])
        assert last["generator_updates"] == own["generator_updates"]


def test_points_rise_evenly_in_the_logarithm(found: dict[str, Any]) -> None:
    assert [p["images"] for p in found["rows"]["vae"]["points"]] == [124, 248, 500]
    for row in found["rows"].values():
        for what in ("images", "seconds", "macs"):
            values = [point[what] for point in row["points"]]
            assert values == sorted(set(values))
            assert values[0] > 0
        for point in row["points"]:
            (figures,) = point["spaces"].values()
            assert figures["fd"] > 0
            assert figures["fd_se"] > 0
    critics = found["rows"]["wgan_gp"]["points"][-1]
    assert critics["updates"]["critic"] == 2 * critics["generator_updates"] == 50


def test_rows_that_start_from_others_are_left_out_and_said(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = learning_curve.checkpoint.read_metadata

    def with_parent(path: Path) -> dict[str, Any]:
        meta = read(path)
        return meta | {"recipe": meta["recipe"] | {"parents": {"ddpm": {}}}} if "/vae/" in str(path) else meta

    monkeypatch.setattr(learning_curve.checkpoint, "read_metadata", with_parent)
    monkeypatch.setattr(learning_curve, "_train", lambda *_: {})
    study.run(project, params(), "small", "learning_curve")
    content = files.read_json(project / paths.study("small", "learning_curve"))
    assert (list(content["rows"]), content["left_out"]) == (["wgan_gp"], {"vae": "starts from ddpm"})
    with pytest.raises(
        ValueError, match=r"learning_curve\.rows: vae are all left out; name rows that train themselves"
    ):
        study.run(project, params(rows=["vae"]), "small", "learning_curve")


def test_stops_are_where_the_loop_can_stop() -> None:
    assert learning_curve.stops(4000, 8, 1 / 64) == [60, 120, 200, 380, 680, 1220, 2200, 4000]
    assert learning_curve.stops(4013, 2, 0.5) == [2000, 4013]
    assert learning_curve.stops(3, 8, 1 / 64) == [1, 2, 3]


def test_a_killed_study_keeps_the_rows_that_are_done(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[str] = []

    def killed(work: Any, run: paths.Run, *_: Any) -> dict[str, Any]:
        trained.append(run.model)
        if len(trained) == 2:
            raise KeyboardInterrupt
        return {"attempt": len(trained)}

    monkeypatch.setattr(learning_curve, "_train", killed)
    with pytest.raises(KeyboardInterrupt):
        study.run(project, params(), "small", "learning_curve")
    study.run(project, params(), "small", "learning_curve")
    assert trained == ["vae", "wgan_gp", "wgan_gp"]
    rows = files.read_json(project / paths.study("small", "learning_curve"))["rows"]
    assert rows == {"vae": {"attempt": 1}, "wgan_gp": {"attempt": 3}}
    assert not (project / ".ckpt/studies/small/learning_curve").exists()


def test_a_training_that_diverges_keeps_its_points(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = learning_curve._figures

    def poisoned(result: Any, *more: Any) -> Any:
        yield from looked(result, *more)
        monkeypatch.setattr(learning_curve, "fit", lambda *_, **__: result._replace(outcome="diverged", reason="nan"))

    monkeypatch.setattr(learning_curve, "_figures", poisoned)
    study.run(project, params(rows=["vae"]), "small", "learning_curve")
    (row,) = files.read_json(project / paths.study("small", "learning_curve"))["rows"].values()
    assert (row["outcome"], row["reason"], len(row["points"])) == ("diverged", "nan", 1)


def test_the_report_shows_curves_times_and_orders(project: Path, found: dict[str, Any]) -> None:
    results = runs.read(project, params(), "small")
    (drawn,) = report.plots(found, results)
    assert len(drawn.figure.axes) == 4
    first = drawn.figure.axes[0].get_lines()[0]
    assert np.allclose(first.get_xdata(), [0.124, 0.248, 0.5])
    times, orders = report.grids(found, results)
    assert [line.cells[0].text for line in times.lines] == ["VAE", "WGAN-GP"]
    assert {cell.text for line in times.lines for cell in line.cells[1:]} == {"not reached"}
    assert len(orders.headers) == 4
    assert sorted(line.cells[1].text.partition(" (")[2] for line in orders.lines) == ["1)", "2)"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rows": ["gan"]}, r"learning_curve\.rows: 'gan' does not run on squares; take it out, or let it run there"),
        ({"dataset": "mnist"}, r"learning_curve\.dataset: 'mnist' is no data set of the profile; it has squares"),
        ({"points": 1}, r"points, n and first are 1, 20 and 0.25; give at least 2"),
        ({"quality": {"lite0": 1.0}}, r"quality\.lite0 is 1; give one of spaces, and a distance above 0"),
    ],
)
def test_what_cannot_be_measured_is_named(project: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, ParamsError), match=message):
        study.run(project, params(**options), "small", "learning_curve")
