"""A flow of real stages comes to the same results in the worst of surroundings, all of them at once."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support import ROOT, smoke_project
from support.picture_files import class_folders, write_folder

PROJECT: dict[str, Any] = {
    "profile": "smoke",
    "datasets": {
        "pics": {
            "loader": "image_folder",
            "source": "local",
            "path": "~/pics",
            "options": {"grey": True, "test_share": 0.3},
        }
    },
    "profiles": {
        "smoke": {
            "about": "Ein kleiner Lauf, größer nicht → fertig.",
            "datasets": ["pics"],
            "seeds": [0],
            "samples": 16,
            "sample_batch": 8,
            "spaces": ["lite0"],
            "models": {"gan": {"plan": {"kimg": 0.2, "batch": 16}}},
        }
    },
}
HOSTILE = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline", "MATPLOTLIBRC": "/nowhere/matplotlibrc",
    "LC_ALL": "C", "LANGUAGE": "de", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "latin-1",
    "PYTHONWARNINGS": "error::FutureWarning", "PYTHONOPTIMIZE": "1",
    "COLUMNS": "0", "LINES": "0", "TERM": "dumb",
    "GIT_DIR": "/nowhere/.git", "GIT_WORK_TREE": "/nowhere", "GIT_INDEX_FILE": "/nowhere/index",
    "GIT_CEILING_DIRECTORIES": "/",
    "HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9",
    "ALL_PROXY": "socks5://127.0.0.1:9", "NO_PROXY": "", "no_proxy": "example.org",
    "WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "", "MASTER_ADDR": "10.255.255.1", "MASTER_PORT": "29500",
    "TORCHELASTIC_RUN_ID": "outer",
    "PIP_USER": "1", "PIP_TARGET": "/nowhere",
    "PREFECT_API_URL": "", "PREFECT_HOME": "", "PREFECT_PROFILE": "nobody", "PREFECT_LOGGING_LEVEL": "DEBUG",
    "PREFECT_API_DATABASE_CONNECTION_URL": "sqlite+aiosqlite:////nowhere/x.db",
    "MLFLOW_TRACKING_URI": "", "MLFLOW_REGISTRY_URI": "http://127.0.0.1:9", "MLFLOW_RUN_ID": "f" * 32,
    "TMPDIR": "/nowhere", "XDG_CONFIG_HOME": "/nowhere", "XDG_CACHE_HOME": "/nowhere",
    "OMP_NUM_THREADS": "8", "OMP_PROC_BIND": "true", "MKL_NUM_THREADS": "8", "ATEN_CPU_CAPABILITY": "default",
}  # fmt: skip


def _flow(project: Path, home: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(home),
    }
    command = [sys.executable, "-m", "flows.benchmark", "--slots", "1", "--gpus", "none"]
    return subprocess.run(
        command,
        cwd=project,
        env=environment | variables,
        umask=0o077 if variables else -1,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=900,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_worst_of_surroundings_changes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    write_folder(home / "pics", class_folders(n=40))
    found = {}
    for name, variables in (("hostile", HOSTILE), ("calm", {})):
        project = tmp_path / name
        project.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HOME", str(home))  # of the path in the pipelines
            smoke_project.write(project, PROJECT)
        if variables:
            (project / "matplotlibrc").write_text("savefig.dpi: 13\nfigure.facecolor: black\nlines.linewidth: 9\n")
            (home / ".gitconfig").write_text("[core]\nexcludesFile = ~/excludes\n[safe]\ndirectory = *\n")
            (home / "excludes").write_text("*.log\n*.png\n*.npy\n")
        else:
            (home / ".gitconfig").unlink()
        done = _flow(project, home, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "7 stages to visit, 2 current" in done.stdout
        found[name] = smoke_project.results(project)
        figures = sorted((project / "reports/figures").glob("*.png"))
        timeless = [file for file in figures if not file.name.startswith("quality-")]  # those show seconds
        found[name] |= {f"figures/{file.name}": file.read_bytes() for file in timeless}
        assert found[name]["runs/smoke/pics/gan/0/train.json"].pop("commit")  # each project has its own
        assert figures
        assert (project / "mlflow.db").exists()
        assert (project / ".prefect").is_dir()
    calm, hostile = found["calm"], found["hostile"]
    assert {name for name in calm.keys() | hostile.keys() if calm.get(name) != hostile.get(name)} == set()
