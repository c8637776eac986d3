"""What MLflow's pages open with, and the report among the artifacts of the benchmark's run."""

import json
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from mlflow import MlflowClient

from flows.prefect_server import server
from flows.ui import runs_page
from paragone.project.params import Params
from paragone.report.tracking import mirror, report_file, view
from support import sample_project

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Params, str]:
    """A project whose runs and report were mirrored once, with its store."""
    root = tmp_path_factory.mktemp("project")
    params = sample_project.make(root, seeds=(0,), datasets=("mnist-5k",))
    for name in ("index.html", "site/report.css", "tables/main.md", "validation/notes.txt", "other/index.html"):
        (root / "reports" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "reports" / name).write_text(name)
    store = f"sqlite:///{root}/mlflow.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", store)
        mirror.sync(root, params, "quick")
    return root, params, store


def test_the_shared_view_has_distances_and_times_of_current_runs(mirrored: tuple[Path, Params, str]) -> None:
    client = MlflowClient(tracking_uri=mirrored[2])
    experiment = client.get_experiment_by_name("paragone/quick")
    shown = json.loads(experiment.tags[view.TAG])
    keys = [column.removeprefix("metrics.").strip("`") for column in shown["selectedColumns"][2:]]
    assert keys == ["fd_clf", "kid_clf", "fd_lite0", "kid_lite0", "train_seconds_total", "images_per_second"]
    assert (shown["orderByKey"], shown["orderByAsc"]) == ("metrics.`fd_clf`", True)
    found = client.search_runs([experiment.experiment_id], shown["searchFilter"], order_by=["metrics.`fd_clf` ASC"])
    assert "benchmark quick" not in {run.info.run_name for run in found}
    best = found[0].data.metrics
    assert best["fd_clf"] == min(run.data.metrics["fd_clf"] for run in found if "fd_clf" in run.data.metrics)
    assert set(keys) <= set(best)


def test_the_report_is_an_artifact_of_the_benchmark(
    mirrored: tuple[Path, Params, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, params, store = mirrored
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    client = MlflowClient(tracking_uri=store)
    experiment = client.get_experiment_by_name("paragone/quick").experiment_id
    (run,) = client.search_runs([experiment], "tags.`paragone.run` = 'quick'")
    packed = zipfile.ZipFile(client.download_artifacts(run.info.run_id, report_file.NAME, str(tmp_path)))
    assert sorted(packed.namelist()) == ["report/index.html", "report/site/report.css", "report/tables/main.md"]
    before = run.data.tags[report_file.TAG]
    (root / "reports/tables/main.md").write_text("another table")
    mirror.sync(root, params, "quick")
    assert client.get_run(run.info.run_id).data.tags[report_file.TAG] != before
    (root / "reports/index.html").unlink()  # as while a report is written
    mirror.sync(root, params, "quick")
    packed = zipfile.ZipFile(client.download_artifacts(run.info.run_id, report_file.NAME, str(tmp_path)))
    assert packed.read("report/tables/main.md") == b"another table"


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_the_pages_open_with_these_columns(mirrored: tuple[Path, Params, str]) -> None:
    """In a real browser: the form of the tag is the pages' own."""
    from playwright.sync_api import expect, sync_playwright

    root, _, store = mirrored
    port = server.free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store, "--port", str(port)]
    command += ["--default-artifact-root", str(root / "mlartifacts"), "--workers", "1"]
    pages = subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address, deadline = None, time.monotonic() + 120
        while (address := runs_page(f"http://127.0.0.1:{port}", "quick")) is None:
            assert time.monotonic() < deadline
            time.sleep(0.3)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1800, "height": 900})
            page.goto(address)
            for name in ("fd_clf", "kid_clf", "fd_lite0", "train_seconds_total"):
                expect(page.get_by_role("columnheader").filter(has_text=name).first).to_be_visible(timeout=60_000)
            rows = page.get_by_role("row").filter(has_text="mnist-5k/")
            expect(rows.first).to_contain_text("mnist-5k/ddpm/0")  # of the lowest distance
            browser.close()
    finally:
        pages.terminate()
        pages.wait()
