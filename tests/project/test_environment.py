"""What a shell, dot files or a launcher say changes no stage; what is meant for the program is kept."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from paragone.project import environment
from support import ROOT

PROBE = """
import json, os, sys
from pathlib import Path
from paragone.project import environment
environment.prepare(Path.cwd())
print(json.dumps({"environ": dict(os.environ), "neutralised": environment.neutralised}))
"""


def settled(folder: Path, **variables: str) -> tuple[dict[str, str], dict[str, str]]:
    """The environment that a process of these variables settles for, and what it says that it neutralised."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), **variables}
    done = subprocess.run(
        [sys.executable, "-c", PROBE], cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=True
    )
    found = json.loads(done.stdout)
    return found["environ"], found["neutralised"]


DROPPED = {
    "GIT_DIR": "/elsewhere/.git", "GIT_WORK_TREE": "/elsewhere", "GIT_INDEX_FILE": ".git/index", "GIT_PREFIX": "a/",
    "GIT_CEILING_DIRECTORIES": "/", "GIT_OBJECT_DIRECTORY": "/x", "GIT_LITERAL_PATHSPECS": "1", "GIT_NAMESPACE": "x",
    "WORLD_SIZE": "2", "RANK": "", "LOCAL_RANK": "1", "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "x",
    "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0", "ROLE_RANK": "0",
    "MKL_NUM_THREADS": "8", "OMP_PROC_BIND": "true", "OMP_DYNAMIC": "true", "GOMP_CPU_AFFINITY": "0",
    "KMP_AFFINITY": "compact", "OPENBLAS_NUM_THREADS": "8", "ONEDNN_MAX_CPU_ISA": "SSE41",
    "ATEN_CPU_CAPABILITY": "default", "NVIDIA_TF32_OVERRIDE": "1",
    "PYTHONIOENCODING": "latin-1", "PYTHONWARNINGS": "error::UserWarning", "PYTHONOPTIMIZE": "1",
    "MATPLOTLIBRC": "/tmp/none",
    "PREFECT_API_DATABASE_CONNECTION_URL": "sqlite:////nowhere/x.db", "PREFECT_PROFILE": "nobody",
    "PREFECT_SERVER_API_BASE_PATH": "/x", "PREFECT_API_URL": "", "PREFECT_HOME": "",
    "MLFLOW_REGISTRY_URI": "http://elsewhere", "MLFLOW_TRACKING_URI": "", "MLFLOW_RUN_ID": "f" * 32,
    "MLFLOW_EXPERIMENT_NAME": "mine",
    "COLUMNS": "0", "ALL_PROXY": "socks5://127.0.0.1:9",
}  # fmt: skip
KEPT = {
    "GIT_SSH_COMMAND": "ssh -i key", "GIT_CONFIG_COUNT": "0", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": "a",
    "HTTPS_PROXY": "http://proxy:3128", "COLUMNS": "120", "NO_COLOR": "1", "TMPDIR": "/tmp", "HOME": "/nowhere",
    "CUDA_VISIBLE_DEVICES": "1", "PREFECT_API_URL": "http://10.0.0.1/api", "PREFECT_CLIENT_MAX_RETRIES": "2",
    "MLFLOW_TRACKING_URI": "http://10.0.0.1", "MLFLOW_TRACKING_TOKEN": "t", "PARAGONE_HOME": "/cache", "LANG": "C",
}  # fmt: skip


def test_what_could_change_or_stop_a_stage_is_neutralised_at_once(tmp_path: Path) -> None:
    found, dropped = settled(tmp_path, **DROPPED, OMP_NUM_THREADS="8", MPLBACKEND="module://inline", PYTHONUTF8="0")
    assert {name for name in DROPPED if found.get(name) == DROPPED[name]} == set()
    assert set(dropped) >= set(DROPPED) | {"OMP_NUM_THREADS", "MPLBACKEND", "PYTHONUTF8"}
    assert "nowhere/x.db" not in str(dropped)  # a value may be secret
    assert {name: found[name] for name in environment.FIXED} == environment.FIXED
    assert found["MLFLOW_TRACKING_URI"] == f"sqlite:///{tmp_path}/mlflow.db"
    assert found["PREFECT_HOME"] == str(tmp_path / ".prefect")


def test_what_is_meant_is_kept(tmp_path: Path) -> None:
    found, dropped = settled(tmp_path, **KEPT)
    assert {name: found[name] for name in KEPT} == KEPT
    assert dropped == {}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("", "127.0.0.1,localhost,::1"), ("a.b, localhost", "a.b,localhost,127.0.0.1,::1"), ("*", "*")],
)
def test_local_addresses_never_go_through_a_proxy(tmp_path: Path, given: str, wanted: str) -> None:
    found, _ = settled(tmp_path, NO_PROXY=given, no_proxy=given, HTTP_PROXY="http://127.0.0.1:9")
    assert found["NO_PROXY"] == found["no_proxy"] == wanted


def test_torchrun_keeps_what_it_set_and_a_flow_drops_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ranks = {"TORCHELASTIC_RUN_ID": "1", "WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "localhost"}
    found, dropped = settled(tmp_path, **ranks)
    assert {name: found[name] for name in ranks} == ranks
    assert dropped == {}
    for name, value in ranks.items():
        monkeypatch.setenv(name, value)
    environment.drop_launcher()
    assert not set(ranks) & set(os.environ)


@pytest.mark.parametrize("locale", [{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"LC_ALL": "C"}])
def test_files_are_utf8_and_output_never_fails_in_any_locale(tmp_path: Path, locale: dict[str, str]) -> None:
    code = (
        "from pathlib import Path; from paragone.project import environment; environment.start_in_utf8();"
        "environment.prepare(Path.cwd()); Path('x').write_text('é → 漢'); print('é → 漢', Path('x').read_text())"
    )
    (tmp_path / "probe.py").write_text(code, encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), **locale}
    done = subprocess.run([sys.executable, "probe.py"], cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert (tmp_path / "x").read_bytes().decode() == "é → 漢"
    assert b"?" in done.stdout or "→".encode() in done.stdout


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp1252", "latin-1:strict"])
def test_a_sign_that_the_output_cannot_show_ends_nothing(tmp_path: Path, encoding: str) -> None:
    code = (
        "from pathlib import Path; from paragone.project import environment; environment.prepare(Path());print('a → b')"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert done.stdout == b"a ? b\n"


def test_the_quota_is_a_number_of_cores() -> None:
    assert environment.quota() > 0
    assert math.isinf(environment.quota()) or environment.quota() < 4096
