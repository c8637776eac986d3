"""The model file that CONTRIBUTING.md prints works as printed."""

import os
import re
import shutil
import subprocess
import sys

import pytest


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
