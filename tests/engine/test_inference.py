"""Reuse: images and an exported folder from a finished run, the same bits each time; a sentence for any other run."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import paragone
from paragone.cli import export
from paragone.engine import checkpoint, inference, sampling
from paragone.models.base import Spec
from paragone.project import paths
from support import sample_project

RUN = paths.Run("quick", "mnist-5k", "dcgan", 0)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one run that has weights: an untrained DCGAN, of width 4."""
    root = tmp_path / "project"
    sample_project.make(root, seeds=(0,), datasets=("mnist-5k",))
    recipe = checkpoint.recipe("dcgan", Spec((1, 32, 32), 10), {"width": 4}, {})
    torch.manual_seed(0)
    meta = {"outcome": "finished", "reason": None, "precision": "fp32", "seed": 0}
    network = checkpoint.build(recipe)
    with torch.no_grad():
        for weight in network.parameters():
            weight *= 5  # fresh ones draw an even grey
    checkpoint.save_model(root / RUN.weights, network, recipe, **meta)
    change(root / RUN.training, paper="Radford et al., 2015")
    change(root / RUN.sampling, batch=8)
    return root


def change(file: Path, **values: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def command(*args: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "paragone", *args], cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )


def test_the_command_writes_the_images_that_seed_and_batch_give(project):
    done = command("sample", "--run", str(RUN.folder), "--n", "20", "--seed", "3", "--out", "drawn", cwd=project)
    assert done.returncode == 0, done.stderr
    network, _ = checkpoint.load_model(project / RUN.weights)
    wanted, _ = sampling.sample(network, 20, seed=3, batch=8, device=torch.device("cpu"), progress=False)
    names = [f"{i:05}.png" for i in range(20)]
    assert {file.name for file in (project / "drawn").iterdir()} == {*names, "wall.png"}
    found = np.stack([np.asarray(Image.open(project / "drawn" / name)) for name in names])
    assert np.array_equal(found, wanted[..., 0])
    again = command("sample", "--run", str(RUN.folder), "--n", "20", "--seed", "3", "--out", "drawn", cwd=project)
    assert again.returncode == 1
    assert again.stderr == "paragone: drawn: is there already and not an empty folder; choose another, or remove it\n"


def test_seeds_differ_and_the_run_s_own_n_and_seed_give_its_samples(project):
    model = inference.load(project / RUN.folder)
    expected, _ = sampling.sample(model.network, 24, seed=0, batch=8, device=torch.device("cpu"), progress=False)
    assert np.array_equal(model.sample(24, seed=0), expected)
    assert not np.array_equal(model.sample(24, seed=1), expected)


def test_a_model_of_labels_draws_the_classes_that_are_asked_for(project, tmp_path):
    model = inference.load(project / RUN.folder)
    model.network.needs = frozenset({"image", "label"})
    asked: list[list[int]] = []
    plain = model.network.sample

    def sample(n: int, cond: torch.Tensor | None = None) -> torch.Tensor:
        asked.append(cond.tolist())
        return plain(n)

    model.network.sample = sample
    model.sample(12)
    assert asked == [[0, 1, 2, 3, 4, 5, 6, 7], [8, 9, 0, 1]]
    assert model.predict(pd.DataFrame({"label": [3, 3, 7]})).shape == (3, 32, 32, 1)
    assert asked[-1] == [3, 3, 7]
    with pytest.raises(inference.ReuseError, match="1 labels for 2 images; give 2, each from 0 to 9"):
        model.sample(2, labels=[1])
    for wrong in (10, -1):
        with pytest.raises(inference.ReuseError, match=f"there is no class {wrong}; .* trained on the classes 0 to 9"):
            model.sample(2, labels=[0, wrong])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, "no such run"),
        (
            lambda f: (f / "failure.json").write_text('{"stage": "train", "reason": "OSError: full"}'),
            "its stage train failed (OSError: full); run it again",
        ),
        (lambda f: (f / "model.safetensors").unlink(), "so it is not trained yet"),
        (
            lambda f: (f / "model.safetensors").write_bytes((f / "model.safetensors").read_bytes()[:900]),
            "not a file that",
        ),
        (lambda f: (f / "metrics.json").unlink(), "is not evaluated yet"),
        (lambda f: change(f / "train.json", data="other"), "was trained on other data"),
    ],
    ids=["missing", "failed", "untrained", "half-written", "unmeasured", "other data"],
)
def test_a_run_that_has_not_finished_is_refused_in_a_sentence(project, damage, message):
    damage(project / RUN.folder)
    with pytest.raises(ValueError, match=re.escape(message)):
        export.export(project / RUN.folder, project / "out")
    assert not (project / "out").exists()
    assert not list(project.glob(".tmp*"))


def test_a_diverged_run_and_bad_numbers_are_refused(project):
    network, meta = checkpoint.load_model(project / RUN.weights)
    model = inference.load(project / RUN.folder)
    with pytest.raises(inference.ReuseError, match="n is 0"):
        model.sample(0)
    with pytest.raises(inference.ReuseError, match="DCGAN takes no labels"):
        model.sample(1, labels=[1])
    with pytest.raises(inference.ReuseError, match="labels 'a': not class numbers"):
        inference.parse_labels("a")
    meta |= {"outcome": "diverged", "reason": "loss/d became nan"}
    checkpoint.save_model(project / RUN.weights, network, **meta)
    with pytest.raises(inference.ReuseError, match="its training diverged \\(loss/d became nan\\); choose a run"):
        inference.load(project / RUN.folder)


def test_figures_of_an_earlier_training_are_not_exported(project, tmp_path):
    lock = project / RUN.branch / "dvc.lock"
    lock.write_text(f"stages:\n  evaluate@0:\n    deps:\n    - path: {RUN.weights}\n      md5: '0'\n")
    with pytest.raises(inference.ReuseError, match="its figures are of an earlier training"):
        export.export(project / RUN.folder, tmp_path / "out")


def test_the_three_lines_of_an_exported_card_draw_the_run_s_images(project, tmp_path, monkeypatch):
    export.export(project / RUN.folder, tmp_path / "my-dcgan")
    files = {file.name for file in (tmp_path / "my-dcgan").iterdir()}
    assert files == {"model.safetensors", "config.json", "metrics.json", "wall.png", "README.md"}
    card = (tmp_path / "my-dcgan/README.md").read_text()
    lines = re.search(r"```python\n(.*?)\n```", card, re.S)[1]
    assert len(lines.split("\n")) == 3
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(lines, names)
    assert np.array_equal(names["images"], paragone.load(project / RUN.folder).sample(16, seed=0))
    assert names["images"].shape == (16, 32, 32, 1)
    config = json.loads((tmp_path / "my-dcgan/config.json").read_text())
    assert (config["recipe"]["model"], config["batch"], config["data"]["name"]) == ("dcgan", 8, "mnist-5k")


def test_the_card_states_data_budget_protocol_licence_and_limits(project, tmp_path):
    export.export(project / RUN.folder, tmp_path / "out")
    card = (tmp_path / "out/README.md").read_text()
    metrics = json.loads((project / RUN.metrics).read_text())
    for part in ("# DCGAN on MNIST-5K", "Radford et al., 2015",
                 "1,000 samples against 4,000 real images (split 'train')",
                 "100,000 images in batches of 64", "CC BY-SA 3.0", "5,000 of the 70,000 images of MNIST", "## Limits",
                 "a class cannot be asked for", "`clf-mnist-5k` (hash `aaaaaaaaaaaa`)"):  # fmt: skip
        assert part in card
    figure = re.search(r"\| FD-clf ↓ \| ([\d.]+) \| ([\d.]+) \|", card)
    assert float(figure[1]) == pytest.approx(metrics["spaces"]["clf-mnist-5k"]["fd"], abs=0.01)
    assert float(figure[2]) == 0.8  # the floor's
