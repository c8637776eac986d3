"""The model file and the feature space that CONTRIBUTING.md prints work as printed."""

import importlib
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch


@pytest.fixture
def project(root, tmp_path):
    """A copy of the project with the printed model added."""
    shutil.copytree(root / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copytree(root / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    text = (root / "CONTRIBUTING.md").read_text()
    path, code = re.search(r"`(src/paragone/models/\S+\.py)`:\n\n```python\n(.*?)```", text, re.S).groups()
    entry = re.search(r"```yaml\n(.*?)```", text, re.S).group(1)
    assert not (root / path).exists(), "print another model: this one exists"
    (tmp_path / path).write_text(code)
    shutil.copytree(root / "profiles", tmp_path / "profiles")
    smoke = tmp_path / "profiles/smoke.yaml"
    smoke.write_text(smoke.read_text().replace("\nmodels:\n", f"\nmodels:\n{entry}"))
    shutil.copy(root / "params.yaml", tmp_path)
    shutil.copy(root / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_printed_model_keeps_the_contract(project):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "tests/models/test_contract.py",
        "-k",
        "rsgan",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(
        command, cwd=project, env={**os.environ, "PYTHONPATH": str(project / "src")}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"1[0-9] passed", done.stdout), done.stdout


def test_the_printed_feature_space_is_what_it_says(root, tmp_path, monkeypatch):
    """Its features against means that NumPy takes."""
    (code,) = re.findall(r"```python\n(.*?class Blocks.*?)```", (root / "CONTRIBUTING.md").read_text(), re.S)
    (tmp_path / "printed_space.py").write_text(code.rpartition("```python\n")[2])
    monkeypatch.syspath_prepend(tmp_path)
    space = importlib.import_module("printed_space").load(tmp_path, "any")
    images = torch.randint(0, 256, (3, 32, 32, 1), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    means = images.numpy().reshape(3, 4, 8, 4, 8).mean((2, 4)) / 255  # (3,4,4)
    expected = np.repeat(means[:, None], 3, 1).reshape(3, 48)
    found = space.extract(images, torch.device("cpu"))
    assert (found.values.shape[1], found.logits) == (space.dim, None)
    np.testing.assert_allclose(found.values.numpy(), expected, rtol=1e-5)
    assert len(space.hash) == 16
