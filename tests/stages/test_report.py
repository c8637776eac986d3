"""The stage `report`: what it writes, twice the same, and that a dead store does not stop it."""

import hashlib
from pathlib import Path

import pandas as pd
import pytest

from paragone.cli import track
from paragone.report.tracking.mirror import TrackingError
from paragone.results.claims.base import SURVEYS
from paragone.stages import report
from support import sample_project


def hashes(folder: Path) -> dict[str, str]:
    files = (f for f in folder.rglob("*") if f.is_file())
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def test_a_report_is_whole_and_the_same_twice(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    params = sample_project.make(tmp_path, seeds=(0,), datasets=("mnist-5k",))
    report.run(tmp_path, params, "quick")
    assert "Real images (floor)" in capsys.readouterr().out
    first = hashes(tmp_path / "reports")
    kinds = ("main", "quality", "cost", "reconstruction")
    expected = {f"tables/{kind}.{suffix}" for kind in (*kinds, "lineage") for suffix in ("md", "csv", "tex")}
    plots = ("samples", "quality-sampling", "quality-training", "curves", "pairs", "interpolation", "traversal",
             "sample_size", "blind_scores")  # fmt: skip
    drawn = {f"{plot}-mnist-5k" for plot in plots} | {
        "claim-c31",
        "claim-c32",
        "claim-c33",
    }  # over draws, so one seed does
    expected |= {f"figures/{plot}.{suffix}" for plot in drawn for suffix in ("png", "svg")}
    expected |= {
        "index.html",
        "tables/published.md",
        "tables/runs.parquet",
        "tables/runs.md",
        *(f"tables/claims.{suffix}" for suffix in ("md", "csv", "tex")),
        *(f"tables/survey-{key}.{suffix}" for key in SURVEYS for suffix in ("md", "tex")),
        *(f"figures/survey-li-{i}.png" for i in range(1, 5)),
        "validation/mnist-5k.json",
    }
    assert {name for name in first if not name.startswith("site/")} == expected
    assert {"site/report.css", "site/models/ddim.html", "site/data/mnist-5k.html"} < set(first)
    assert len(pd.read_parquet(tmp_path / "reports/tables/runs.parquet")) == 8
    for part in ("tables", "figures", "site/models"):
        (tmp_path / "reports" / part / "of_an_earlier_report").write_text("")
    report.run(tmp_path, params, "quick")
    assert hashes(tmp_path / "reports") == first


def test_another_profile_has_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    params = sample_project.make(tmp_path, seeds=(0,), datasets=("mnist-5k",))
    other = params.model_copy(update={"profiles": params.profiles | {"other": params.profiles["quick"]}})
    report.run(tmp_path, other, "other")
    assert (tmp_path / "reports/other/index.html").exists()
    assert not (tmp_path / "reports/index.html").exists()


def test_a_dead_store_does_not_stop_the_report_but_stops_track(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    (tmp_path / "mlflow.db").write_text("no database, but long enough to look like one to SQLite" * 10)
    params = sample_project.make(tmp_path, seeds=(0,), datasets=("mnist-5k",))
    report.run(tmp_path, params, "quick")
    assert (tmp_path / "reports/index.html").exists()
    assert "warning: not mirrored to MLflow" in capsys.readouterr().err
    with pytest.raises(TrackingError, match="not a database"):
        track.run(tmp_path, params, "quick")


def test_track_says_what_it_did(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    params = sample_project.make(tmp_path, seeds=(0,), datasets=("mnist-5k",))
    track.run(tmp_path, params, "quick")
    assert "experiment paragone/quick: 8 runs written, 0 already there" in capsys.readouterr().out


def test_an_unknown_profile_is_named(tmp_path):
    params = sample_project.make(tmp_path, seeds=(0,), datasets=("mnist-5k",))
    with pytest.raises(ValueError, match="has no profile 'quik'; did you mean 'quick'"):
        report.run(tmp_path, params, "quik")
