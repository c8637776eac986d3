"""A unit of a benchmark on a worker: one (data set, model) folder, which has its own dvc.lock, so nothing is merged.

A work pool's worker clones the code at a commit and starts `unit` in that clone. It gets what the unit needs from DVC's
remote, runs the unit's stages one after the other, and after each one pushes it and hands dvc.lock and the small files
back as an artifact of its flow run. `python -m flows.fleet` sends units out and takes them home; where a worker dies,
the next one goes on from the last artifact. (DVC's run cache would do, but it leaves stages out that have files it does
not cache.)

PARAGONE_HOME (default ~/.cache/paragone) is the machine's own: DVC's cache and the checkpoints of trainings that were
interrupted, so that a unit which comes back to a machine goes on there. Credentials of the remote are the machine's.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from prefect import flow, get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.objects import State
from prefect.context import get_run_context
from prefect.states import Completed, Failed

BEAT = 5.0  # seconds between the signs of life that a unit gives
KIND = "paragone-unit"  # type of the artifact that holds the answer


@flow(name="unit", persist_result=False)
def unit(branch: str, packed: dict[str, Any]) -> State:
    """Bring a unit up to date in a fresh clone.

    Args:
        branch: the unit's folder, as runs/survey/mnist/dcgan
        packed: flows.remote.payload.Payload
    """
    root = Path.cwd()
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))  # of this commit, whatever is installed
    from flows.remote import payload
    from flows.run import artifacts
    from flows.run.processes import Guard, end_with_parent

    end_with_parent()
    _settle(root)
    this = get_run_context().flow_run.id  # type: ignore[union-attr]
    content = payload.Payload(**packed)  # type: ignore[typeddict-item]
    with _alive(this), Guard(forking=True) as guard, get_client(sync_client=True) as client:
        _generate(root, Path(branch), guard)
        payload.check_generated(root, [Path(branch) / "dvc.yaml"])
        unpack(root, content, guard)
        found = payload.answer(root, Path(branch))
        for done, failures, log in work(root, content["stages"], guard):
            artifacts.publish_log(root, log)
            found = payload.answer(root, Path(branch), done=done, failures=failures)
            client.create_artifact(ArtifactCreate(type=KIND, data=json.dumps(found), flow_run_id=this))
        found["final"] = True
        client.create_artifact(ArtifactCreate(type=KIND, data=json.dumps(found), flow_run_id=this))
    failed = found["failures"]
    return Failed(message=f"failed: {', '.join(failed)}") if failed else Completed()


def _settle(root: Path) -> None:
    """Let the commands of this environment and the code of this clone be found, and share what the machine keeps."""
    home = Path(os.environ.get("PARAGONE_HOME", Path.home() / ".cache/paragone"))
    here = [str(root / "src"), str(root)]
    os.environ["PYTHONPATH"] = os.pathsep.join([*here, *filter(None, [os.environ.get("PYTHONPATH")])])
    os.environ["PATH"] = os.pathsep.join([os.environ["PATH"], str(Path(sys.executable).parent)])
    for variable, value in {"DVC_NO_ANALYTICS": "1", "OMP_NUM_THREADS": "1"}.items():
        os.environ.setdefault(variable, value)
    (home / "checkpoints").mkdir(parents=True, exist_ok=True)
    if not (root / ".ckpt").exists():
        (root / ".ckpt").symlink_to(home / "checkpoints")
    subprocess.run(["dvc", "cache", "dir", "--local", str(home / "cache")], cwd=root, check=True, capture_output=True)


def _generate(root: Path, branch: Path, guard: Any) -> None:
    """Make the pipelines of the unit's profile where the commit has none. Raises RuntimeError."""
    from flows.run.processes import tail

    log = root / ".logs/units/pipeline.log"
    if not (root / branch / "dvc.yaml").exists() and guard.run(["paragone", "pipeline", branch.parts[1]], root, log):
        raise RuntimeError(f"paragone pipeline failed; the end of its log:\n{tail(log)}")


def unpack(root: Path, packed: Any, guard: Any) -> None:
    """Write and pull what the unit needs. Raises PayloadError for a text that is none of the pipeline's, RuntimeError
    if the remote does not give the rest."""
    from flows.remote.payload import REMOTE, check

    check(root, packed)
    for path, text in packed["texts"].items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    settings = dict(packed["remote"])
    subprocess.run(["dvc", "remote", "add", "-q", "--local", "-d", REMOTE, settings.pop("url")], cwd=root, check=True)
    for name, value in settings.items():
        subprocess.run(["dvc", "remote", "modify", "--local", REMOTE, name, value], cwd=root, check=True)
    if packed["pull"]:
        _transfer(root, guard, "pull", *packed["pull"])


def work(
    root: Path, stages: list[tuple[str, list[str]]], guard: Any
) -> Iterator[tuple[list[str], dict[str, str], Path]]:
    """Run and push the stages; after each, the stages that are done, those that failed with the end of their log, and
    the log of this one.

    What needs a failed stage is left out. Raises RuntimeError if the remote does not take what was made.
    """
    from flows.run.processes import tail

    done: list[str] = []
    failures: dict[str, str] = {}
    for number, (stage, inputs) in enumerate(stages):
        if not set(inputs) <= set(done):
            continue
        log = root / ".logs/units" / f"{number}.log"
        if guard.run(["dvc", "--wait-for-lock", "repro", "--single-item", stage], root, log):
            failures[stage] = tail(log)
        else:
            _transfer(root, guard, "push", stage)
            done.append(stage)
        yield done, failures, log


def _transfer(root: Path, guard: Any, verb: str, *targets: str) -> None:
    from flows.run.processes import tail

    log = root / ".logs/units" / f"{verb}.log"
    if guard.run(["dvc", "--wait-for-lock", verb, *targets], root, log):
        raise RuntimeError(f"dvc {verb} failed; the end of its log:\n{tail(log)}")


@contextmanager
def _alive(run: UUID) -> Iterator[None]:
    """Give signs of life, and end this process when the run was taken from it."""
    over = threading.Event()

    def beat() -> None:
        count = 0
        with get_client(sync_client=True) as client:
            while not over.wait(BEAT):
                count += 1
                with suppress(httpx.HTTPError, OSError):  # a server that is away comes back
                    client.update_flow_run(run, tags=[f"alive-{count}"])
                    state = client.read_flow_run(run).state
                    if state is not None and (state.is_final() or state.is_cancelling()) and not over.is_set():
                        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
