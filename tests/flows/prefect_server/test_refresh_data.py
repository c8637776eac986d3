"""`refresh-data`, deployed and run by a worker: sources that are the same, that changed, and that are gone."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.prefect_server import server
from flows.run.processes import Guard
from paragone.project import files
from support import ROOT, idx_files, smoke_project

PROFILE = {
    "about": "Data alone.",
    "datasets": ["digits"],
    "seeds": [0],
    "samples": 16,
    "sample_batch": 8,
    "spaces": ["lite0"],
    "models": {"gan": {"plan": {"kimg": 1}}},
}
VALUES: dict[str, Any] = {
    "profile": "quick",
    "datasets": {"digits": {"loader": "mnist", "source": "local", "path": "upstream", "resolution": 32}},
    "profiles": {"quick": PROFILE, "survey": PROFILE},  # those that prefect.yaml names
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The real stages on two hundred digits, the deployments, and nothing that runs yet."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    folder = tmp_path / "project"
    folder.mkdir()
    idx_files.write_set(folder / "upstream", 160, 40)
    shutil.copytree(ROOT / "flows", folder / "flows", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "prefect.yaml", folder)
    smoke_project.write(folder, VALUES)
    return folder


@pytest.fixture
def serving(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`make serve`, with its deployments made."""
    port = server.free_port()
    with Guard() as guard:
        command = [sys.executable, "-u", "-m", "flows.serve", "--port", str(port)]
        process = guard.start(command, project, project.parent / "serve.log")
        deadline = time.monotonic() + 600
        while "Prefect is at" not in (project.parent / "serve.log").read_text():
            assert time.monotonic() < deadline
            assert process.poll() is None, (project.parent / "serve.log").read_text()
            time.sleep(0.2)
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{port}/api")
        monkeypatch.setenv(server.SECRET, files.read_json(project / server.NOTE)["secret"])
        yield


RUN = """
import sys
from prefect import get_client
from prefect.deployments import run_deployment
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
run = run_deployment("refresh-data/refresh-data", timeout=float(sys.argv[1]), poll_interval=1)
print(run.state.name, run.state.message)
with get_client(sync_client=True) as client:
    mine = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
    for artifact in client.read_artifacts(artifact_filter=mine):
        if artifact.key:
            print(artifact.key)
            print(artifact.data)
"""


def refresh(project: Path) -> str:
    """Ask for a run of the deployment, wait for its end: its state, its message, and what it published."""
    command = [sys.executable, "-c", RUN, "900"]  # a process of its own: Prefect reads its settings once
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=True, timeout=1000).stdout


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("serving")
def test_sources_are_fetched_again_compared_and_validated(project: Path) -> None:
    def content() -> str:
        return str(files.read_json(project / "data/prepared/digits/dataset.json")["content_hash"])[:12]

    printed = refresh(project)
    first = content()
    assert printed.startswith("Completed")
    assert "quick-data\n" in printed
    assert f"| digits | new | none | {first} | yes |" in printed

    assert f"| digits | the same | {first} | {first} | yes |" in refresh(project)

    idx_files.write_set(project / "upstream", 161, 39)  # one digit moves from test to train
    printed = refresh(project)
    assert content() != first
    assert f"| digits | **changed** | {first} | {content()} | yes |" in printed

    whole, now = (project / "upstream/t10k-images-idx3-ubyte.gz").read_bytes(), content()
    (project / "upstream/t10k-images-idx3-ubyte.gz").write_bytes(whole[:-100])
    printed = refresh(project)
    assert printed.startswith("Failed failed: ingest-digits; see their logs")
    assert content() == now  # put back
    assert "t10k-images" in (project / ".logs/quick/ingest-digits.log").read_text()
