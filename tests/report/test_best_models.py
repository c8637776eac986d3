"""DVC's list of the best models: which they are, that DVC finds them, and that nothing is listed of nothing."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from paragone.project import paths
from paragone.report import best_models
from paragone.results import runs
from support import sample_project


def test_dvc_finds_the_best_of_each_data_set_and_family(tmp_path: Path) -> None:
    params = sample_project.make(tmp_path, seeds=(0, 1), datasets=("mnist-5k",))
    for model in ("gan", "dcgan", "ddpm", "vae"):
        for seed in (0, 1):
            (tmp_path / paths.Run("quick", "mnist-5k", model, seed).weights).write_text(f"{model} {seed}")
    found = runs.read(tmp_path, params, "quick")
    (tmp_path / "reports").mkdir(exist_ok=True)
    best_models.write(found, tmp_path / "reports")
    text = (tmp_path / "reports/dvc.yaml").read_text()
    listed = yaml.safe_load(text)["artifacts"]
    names = {"best-mnist-5k", "best-mnist-5k-diffusion", "best-mnist-5k-gan", "best-mnist-5k-vae"}
    assert set(listed) == names
    assert listed["best-mnist-5k"] == listed["best-mnist-5k-diffusion"]
    gan = listed["best-mnist-5k-gan"]
    of_row = found.of("mnist-5k").query("model == 'dcgan'")
    lowest = of_row.loc[of_row["metrics.spaces.clf-mnist-5k.fd"].astype(float).idxmin()]
    assert (gan["meta"]["row"], gan["meta"]["seed"], gan["meta"]["seeds"]) == ("dcgan", lowest["seed"], 2)
    assert gan["meta"]["fd_clf"] == lowest["metrics.spaces.clf-mnist-5k.fd"]
    assert (tmp_path / "reports" / gan["path"]).read_text() == f"dcgan {lowest['seed']}"

    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(command, cwd=tmp_path, check=True)
    ask = "import dvc.repo, json; print(json.dumps({k: list(v) for k, v in dvc.repo.Repo().artifacts.read().items()}))"
    asked = subprocess.run([sys.executable, "-c", ask], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert set(yaml.safe_load(asked.stdout)["reports/dvc.yaml"]) == names
    assert not asked.stderr

    best_models.write(found, tmp_path / "reports")
    assert (tmp_path / "reports/dvc.yaml").read_text() == text
    best_models.write(found._replace(datasets=[]), tmp_path / "reports")
    assert not (tmp_path / "reports/dvc.yaml").exists()


@pytest.mark.slow
def test_a_registered_version_is_fetched_from_elsewhere(tmp_path: Path) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    elsewhere.mkdir()
    params = sample_project.make(project, seeds=(0,), datasets=("mnist-5k",))
    weights = paths.Run("quick", "mnist-5k", "ddpm", 0).weights
    (project / weights).write_text("ddpm 0")
    (project / "reports").mkdir(exist_ok=True)
    best_models.write(runs.read(project, params, "quick"), project / "reports")

    def call(*command: str, cwd: Path = project) -> str:
        ways = {"git": ["git", "-c", "user.name=a", "-c", "user.email=a@b"], "python": [sys.executable, "-m"]}
        words = [*ways[command[0]], *command[1:]]
        done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    call("git", "init", "-q")
    call("python", "dvc", "init", "-q")
    call("python", "dvc", "remote", "add", "-q", "--default", "store", str(tmp_path / "store"))
    call("python", "dvc", "add", "-q", str(weights))
    call("python", "dvc", "push", "-q")
    call("git", "add", ".")
    call("git", "commit", "-q", "-m", "models")
    call("git", "clone", "-q", str(project), str(tmp_path / "clone"))  # before there is a version
    call("git", "tag", "-a", "reports=best-mnist-5k@v1.0.0", "-m", "as `gto register` does")
    fetched = call("python", "dvc", "artifacts", "get", str(project), "reports:best-mnist-5k", cwd=elsewhere)
    assert "Downloaded 1 file" in fetched
    assert (elsewhere / weights.name).read_text() == "ddpm 0"
    ask = [sys.executable, "-m", "dvc", "artifacts", "get", str(tmp_path / "clone"), "reports:best-mnist-5k", "-o", "x"]
    without = subprocess.run(ask, cwd=elsewhere, capture_output=True, text=True, check=False)
    assert without.returncode
    assert "Cannot find" in without.stderr or "Unable to find" in without.stderr, without.stderr
