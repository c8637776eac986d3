"""`make serve` and `make ui` from nothing to a clean stop; a scheduled run is created and run."""

import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import yaml

from flows.prefect_server import server
from flows.run.processes import Guard
from paragone.project import paths
from paragone.results import history
from support import ROOT, listeners, settings_files, stand_in


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = stand_in.build(tmp_path, monkeypatch)
    shutil.copytree(ROOT / "flows", folder / "flows", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setenv("PREFECT_HOME", str(folder / ".prefect"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    plans = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    plans["deployments"][0]["schedules"] = [{"interval": 15}]
    plans["deployments"][1]["parameters"]["profile"] = "all"
    (folder / "prefect.yaml").write_text(yaml.safe_dump(plans))
    return folder


def begin(project: Path, module: str, port: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", module, "--port", str(port)]
    return subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def until(true: Callable[[], object], seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.3)


def states(project: Path) -> dict[str, set[str]]:
    """By deployment, the names of the states of its flow runs that a schedule created."""
    found: dict[str, set[str]] = {}
    database = project / ".prefect/prefect.db"
    if database.exists():
        query = ("select d.name, r.state_name from flow_run r join deployment d on d.id = r.deployment_id"
                 " where r.auto_scheduled")  # fmt: skip
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30) as records:
            try:
                for name, state in records.execute(query):
                    found.setdefault(name, set()).add(state)
            except sqlite3.OperationalError:  # its tables are being made
                return {}
    return found


def left_behind(project: Path) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(project) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_schedules_run_and_nothing_outlives_the_end(project: Path) -> None:
    serving = begin(project, "flows.serve", port := server.free_port())
    until(lambda: {"quick-nightly", "survey-weekly", "refresh-data"} <= set(states(project)))
    until(lambda: "Completed" in states(project)["quick-nightly"])
    assert (project / "reports/index.html").exists()
    with sqlite3.connect(project / ".prefect/prefect.db", timeout=30) as records:
        kept = {key for (key,) in records.execute("select key from artifact where key is not null")}
        zones = {data for (data,) in records.execute("select schedule from deployment_schedule")}
    assert {"quick-failures", "quick-report"} <= kept
    assert sum('"cron"' in zone and '"UTC"' in zone for zone in zones) == 2
    second = begin(project, "flows.serve", server.free_port())
    assert "runs already" in second.communicate(timeout=300)[0]

    stand_in.behave(project, {"paragone train quick digits ddpm --seed 0": 600})
    # so that the next run is still at it when all dies
    settings_files.edit(project, "quick", lambda p: p["models"]["ddpm"].update(plan={"kimg": 2}))
    until((project / "build/started").exists)
    serving.kill()  # amid a run: all of it ends, and the run that is left does not block the next
    serving.wait()
    until(lambda: not left_behind(project), 240)
    stand_in.behave(project, {})
    serving = begin(project, "flows.serve", port)
    until(lambda: "Crashed" in states(project)["quick-nightly"])
    with sqlite3.connect(project / ".prefect/prefect.db", timeout=30) as records:
        done = "select count(*) from flow_run where state_name = 'Completed'"
        before = records.execute(done).fetchone()[0]
        until(lambda: records.execute(done).fetchone()[0] > before)
    serving.send_signal(signal.SIGINT)
    assert "Stopped" in serving.communicate(timeout=300)[0]
    until(lambda: not left_behind(project), 240)
    assert not (project / server.NOTE).exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_that_fails_and_a_distance_that_rises_reach_a_mailbox(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, record = "paragone train quick digits ddpm --seed 0", project / paths.history("quick")
    line = "2026-01-0{0}T03:00:00Z,abc,False,2,digits,ddpm,fd_clf,{0},1,terms\n"
    record.write_text(",".join(history.FIELDS) + "\n" + line.format(5))
    plans = yaml.safe_load((project / "prefect.yaml").read_text())
    plans["notifications"] = {"mail": "mailto://${MAIL_SERVER}?from=paragone@example.org&to=me@example.org"}
    plans["deployments"][0]["schedules"] = []  # Prefect tells of a short run that a schedule made minutes later
    (project / "prefect.yaml").write_text(yaml.safe_dump(plans))
    stand_in.behave(project, {train: "fail"})
    with listeners.mail_server() as (address, mails), Guard() as guard:
        monkeypatch.setenv("MAIL_SERVER", address)
        monkeypatch.setenv(server.SECRET, "paragone:of-this-test")
        port = server.free_port()
        command = [sys.executable, "-m", "flows.serve", "--port", str(port)]
        guard.start(command, project, project / "build/serve.log")
        until((project / server.NOTE).exists)
        monkeypatch.setenv("PREFECT_API_URL", f"http://{server.LOOPBACK}:{port}/api")
        ask = [sys.executable, "-m", "prefect", "deployment", "run", "benchmark/quick-nightly"]
        subprocess.run(ask, cwd=project, check=True, capture_output=True)
        until(lambda: mails)
        assert mails[0].startswith("Paragone: a scheduled run failed\n")
        assert "quick-nightly, run " in mails[0]
        assert "Failed. some stages failed" in mails[0]

        stand_in.behave(project, {train: 20})
        subprocess.run(ask, cwd=project, check=True, capture_output=True)
        until((project / "build/started").exists)  # its flow knows the record by then, and no report is there yet
        record.write_text(record.read_text() + line.format(6))
        until(lambda: [mail for mail in mails if "a distance rose" in mail])
        assert "digits ddpm fd_clf: 5 before, 6 now" in mails[-1]


@pytest.mark.slow
def test_mlflows_pages_open_and_close(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project}/mlflow.db")
    (project / "build/behaviour.yaml").write_text(yaml.safe_dump({"paragone track": 0}))
    command = project / "build/paragone"
    command.write_text(command.read_text().replace('("paragone pipeline",', '("paragone pipeline", "paragone track",'))
    port = server.free_port()
    pages = begin(project, "flows.ui", port)
    assert pages.stdout is not None
    assert f"MLflow is at http://127.0.0.1:{port}" in "".join([pages.stdout.readline() for _ in range(2)])
    assert server.answers(f"http://127.0.0.1:{port}/health")
    pages.send_signal(signal.SIGINT)
    assert "Stopped" in pages.communicate(timeout=300)[0]
    until(lambda: not left_behind(project), 240)


@pytest.mark.parametrize("module", ["flows.serve", "flows.ui"])
def test_a_port_in_use_is_one_sentence(project: Path, module: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        printed = begin(project, module, port := taken.getsockname()[1]).communicate(timeout=300)[0]
    assert f"port {port} cannot be used (address already in use); name another with --port" in printed
    assert "Traceback" not in printed


def test_no_server_at_the_url_is_one_sentence(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    done = subprocess.run(
        [sys.executable, "-m", "flows.benchmark"], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "PREFECT_API_URL: no Prefect server answers at http://127.0.0.1:9/api" in done.stdout
    assert not (project / ".logs").exists()  # no work was started


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"parameters": {"profile": "quikc"}},
            "profiles/quikc.yaml: profiles has no profile 'quikc'; did you mean 'quick'?",
        ),
        ({"parameters": {"models": ["dppm"]}}, "has no model 'dppm'; did you mean 'ddpm'"),
        ({"parameters": {"profil": "quick"}}, "got an unexpected keyword argument 'profil'"),
        ({"work_pool": {}}, "prefect.yaml: no deployments with a name and a work pool ('name')"),
    ],
)
def test_a_deployment_that_cannot_run_is_one_sentence(project: Path, change: dict[str, object], message: str) -> None:
    plans = yaml.safe_load((project / "prefect.yaml").read_text())
    plans["deployments"][0] |= change
    (project / "prefect.yaml").write_text(yaml.safe_dump(plans))
    output = begin(project, "flows.serve", server.free_port()).communicate(timeout=300)[0]
    assert output.startswith("serve: ")
    assert "prefect.yaml: " in output
    assert message in output
    assert output.count("\n") == 1


@pytest.mark.slow
def test_a_pool_that_does_not_exist_is_named(project: Path) -> None:
    plans = yaml.safe_load((project / "prefect.yaml").read_text())
    plans["deployments"][1]["work_pool"] = {"name": "paragon"}
    (project / "prefect.yaml").write_text(yaml.safe_dump(plans))
    output = begin(project, "flows.serve", server.free_port()).communicate(timeout=240)[0]
    assert "serve: prefect.yaml: Prefect has no work pool 'paragon'; did you mean 'paragone'?" in output
    assert left_behind(project) == []
