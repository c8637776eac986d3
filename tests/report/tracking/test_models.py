"""What the MLflow store gives back: models that draw images, the best of each name, curves of trainings that run."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import mlflow.pyfunc
import numpy as np
import pytest
import torch
from mlflow import MlflowClient

from paragone.engine import checkpoint, inference
from paragone.models.base import Spec
from paragone.project import paths, registry
from paragone.project.params import Params
from paragone.report.tracking import history
from paragone.report.tracking import mirror as tracking
from support import ROOT, sample_project

NAME = "quick.fashion-mnist.dcgan"


def run(seed: int) -> paths.Run:
    return paths.Run("quick", "fashion-mnist", "dcgan", seed)


def train(root: Path, seed: int) -> None:
    """Weights for a run: those of an untrained network."""
    recipe = checkpoint.recipe("dcgan", Spec((1, 32, 32), 10), {"width": 4}, {})
    torch.manual_seed(seed)
    meta = {"outcome": "finished", "reason": None, "precision": "fp32", "seed": seed}
    checkpoint.save_model(root / run(seed).weights, checkpoint.build(recipe), recipe, **meta)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Params]:
    """A project whose DCGANs have weights."""
    root = tmp_path_factory.mktemp("template")
    params = sample_project.make(root, seeds=(0, 1), datasets=("fashion-mnist",))
    for seed in (0, 1):
        train(root, seed)
    MlflowClient(tracking_uri=f"sqlite:///{root}/mlflow.db").search_experiments()  # making a database takes seconds
    return root, params


@pytest.fixture
def project(
    template: tuple[Path, Params], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Params, MlflowClient]:
    """A copy of it, and the client of its store."""
    root, params = template
    shutil.copytree(root, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    return tmp_path, params, MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")


def children(client: MlflowClient, search: str = "") -> dict[str, str]:
    experiment = client.get_experiment_by_name("paragone/quick").experiment_id
    runs = [run for run in client.search_runs([experiment], search) if not {*run.data.tags} & history.TAGS]
    return {run.info.run_name: run.info.run_id for run in runs}


def test_the_model_that_was_logged_draws_the_images_of_its_run(project):
    root, params, client = project
    tracking.sync(root, params, "quick")
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    model = mlflow.pyfunc.load_model(f"models:/{NAME}@best")
    assert model.metadata.get_input_schema().input_names() == ["n"]
    images = model.predict({"n": [5]}, params={"seed": 3})
    assert np.array_equal(images, inference.load(root / run(0).folder).sample(5, seed=3))
    inside = Path(mlflow.artifacts.download_artifacts(f"models:/{NAME}@best"))
    assert not [file for file in inside.rglob("*") if file.suffix in (".pkl", ".pt", ".pth")]
    assert (inside / "input_example.json").exists()
    logged = client.get_run(children(client)["fashion-mnist/dcgan/0"]).outputs.model_outputs
    assert len(logged) == 1


def test_a_model_that_its_config_gives_labels_is_called_with_them(project):
    """Its class alone does not say so."""
    root, params, _ = project
    recipe = checkpoint.recipe("aae", Spec((1, 32, 32), 10), {"labels": "decoder", "hidden": 8}, {})
    assert "label" not in registry.model_class("aae").needs
    meta = {"outcome": "finished", "reason": None, "precision": "fp32", "seed": 0}
    checkpoint.save_model(root / run(0).weights, checkpoint.build(recipe), recipe, **meta)
    tracking.sync(root, params, "quick")
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    model = mlflow.pyfunc.load_model(f"models:/{NAME}@best")
    assert model.metadata.get_input_schema().input_names() == ["label"]
    images = model.predict({"label": [3, 1, 3]}, params={"seed": 3})
    assert np.array_equal(images, inference.load(root / run(0).folder).sample(3, seed=3, labels=[3, 1, 3]))


def test_a_model_logged_before_the_rooms_still_loads(project):
    """Such models name the module paragone.reuse as their loader."""
    root, params, _ = project
    tracking.sync(root, params, "quick")
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{NAME}@best"))
    recipe = folder / "MLmodel"
    assert "loader_module: paragone\n" in recipe.read_text()
    recipe.write_text(recipe.read_text().replace("loader_module: paragone\n", "loader_module: paragone.reuse\n"))
    images = mlflow.pyfunc.load_model(str(folder)).predict({"n": [2]}, params={"seed": 3})
    assert np.array_equal(images, inference.load(root / run(0).folder).sample(2, seed=3))


def test_the_alias_follows_the_best_seed_and_a_replaced_run_takes_its_version_along(project):
    root, params, client = project
    tracking.sync(root, params, "quick")
    assert client.get_model_version_by_alias(NAME, "best").tags["seed"] == "0"
    file = root / run(0).metrics
    worse = json.loads(file.read_text())
    worse["spaces"]["clf-fashion-mnist"]["fd"] *= 9
    file.write_text(json.dumps(worse))
    assert tracking.sync(root, params, "quick")[0] == 1
    assert client.get_model_version_by_alias(NAME, "best").tags["seed"] == "1"
    versions = client.search_model_versions(f"name = '{NAME}'")
    assert sorted(version.tags["seed"] for version in versions) == ["0", "1"]
    assert {version.run_id for version in versions} <= set(children(client).values())
    assert tracking.sync(root, params, "quick") == (0, 10)
    assert len(client.search_model_versions(f"name = '{NAME}'")) == 2


def test_the_search_box_takes_the_names_as_they_are(project):
    root, params, client = project
    tracking.sync(root, params, "quick")
    found = children(client, "metrics.fd_clf < 30 AND params.family = 'gan' AND tags.outcome = 'finished'")
    assert set(found) == {"fashion-mnist/dcgan/0", "fashion-mnist/dcgan/1"}
    parent = client.get_run(children(client)["benchmark quick"]).data.tags
    assert (parent["runs finished"], parent["runs diverged"], parent["runs not run"]) == ("6", "2", "6")
    assert "| DCGAN |" in parent["mlflow.note.content"]


def test_a_training_that_runs_is_followed_and_then_replaced(project):
    root, params, client = project
    this = paths.Run("quick", "fashion-mnist", "ddpm", 0)
    log = root / ".ckpt" / this.folder / "0123/log.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text('{"kimg": 1.0, "loss/net": 3.0}\n{"kimg": 2.0, "loss/net": 2.0}\n{"kimg": 3.0, "lo')
    for _ in range(2):
        tracking.sync(root, params, "quick")
        live = children(client)["fashion-mnist/ddpm/0"]
        assert client.get_run(live).info.status == "RUNNING"
        assert [m.step for m in client.get_metric_history(live, "loss/net")] == [1000, 2000]
    log.write_text(log.read_text().rpartition("\n")[0] + '\n{"kimg": 3.0, "loss/net": 1.0}\n')
    tracking.sync(root, params, "quick")
    assert children(client)["fashion-mnist/ddpm/0"] == live
    assert [m.value for m in client.get_metric_history(live, "loss/net")] == [3.0, 2.0, 1.0]
    source = paths.Run("quick", "fashion-mnist", "vae", 0)
    (root / this.folder).mkdir(parents=True)
    for name in ("train.json", "metrics.json", "sampling.json", "curves.csv"):
        (root / this.folder / name).write_text((root / source.folder / name).read_text())
    assert tracking.sync(root, params, "quick") == (1, 10)
    assert children(client)["fashion-mnist/ddpm/0"] != live


FULL = """
import resource, sys
from pathlib import Path
from paragone.report.tracking import mirror as tracking
from support import sample_project
root = Path(sys.argv[1])
params = sample_project.make(root / "elsewhere", seeds=(0, 1), datasets=("fashion-mnist",))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
print(tracking.mirror(root, params, "quick"))
"""


@pytest.mark.slow
@pytest.mark.parametrize("fresh", [True, False])
def test_a_store_without_space_costs_a_warning_and_the_replay_completes_it(project, fresh):
    root, params, client = project
    if not fresh:
        tracking.sync(root, params, "quick")
        for seed in (0, 1):
            (root / run(seed).usage).write_text("seconds,process_cpu_percentage\n1,99\n")
    size = 300_000 if fresh else (root / "mlflow.db").stat().st_size
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(root), str(size)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "tests")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout.splitlines()[-1] == "False", done.stderr
    assert "paragone: warning: not mirrored to MLflow: MLFLOW_TRACKING_URI sqlite" in done.stderr
    tracking.sync(root, params, "quick")
    assert tracking.sync(root, params, "quick") == (0, 10)
    assert len(children(client)) == 11


@pytest.mark.slow
def test_a_server_killed_in_the_middle_costs_a_warning_and_the_replay_completes_it(project, monkeypatch, capsys):
    root, params, _ = project
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"

    def serve() -> "subprocess.Popen[bytes]":
        store = ["--backend-store-uri", f"sqlite:///{root}/mlflow.db", "--artifacts-destination", f"{root}/mlartifacts"]
        command = [sys.executable, "-m", "mlflow", "server", *store, "--workers", "1", "--port", str(port)]
        server = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 240
        while True:
            try:
                urllib.request.urlopen(f"{url}/health", timeout=2).close()
                return server
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.2)

    def kill(server: "subprocess.Popen[bytes]") -> None:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()

    server = serve()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    answers: list[bool] = []
    mirror = threading.Thread(target=lambda: answers.append(tracking.mirror(root, params, "quick")))
    mirror.start()
    over = MlflowClient(tracking_uri=url)
    while over.get_experiment_by_name("paragone/quick") is None or len(children(over)) < 4:
        time.sleep(0.05)
    kill(server)
    mirror.join(240)
    assert answers == [False]
    assert "warning: not mirrored" in capsys.readouterr().err
    server = serve()
    try:
        written, kept = tracking.sync(root, params, "quick")
        assert written + kept == 10
        assert written > 0
        assert kept > 0
        assert tracking.sync(root, params, "quick") == (0, 10)
        assert len(children(over)) == 11
    finally:
        kill(server)
