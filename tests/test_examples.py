"""The examples run as their first lines say; tests/report/test_lesson.py has the third."""

import os
import subprocess
import sys

import pytest
from PIL import Image


def example(root, name, *arguments, cwd):
    command = [sys.executable, str(root / f"examples/{name}.py"), *map(str, arguments)]
    there = os.environ | {"PYTHONPATH": f"{root / 'src'}"}
    done = subprocess.run(command, cwd=cwd, env=there, capture_output=True, text=True, timeout=550, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_model_of_ones_own_is_trained_and_sampled(root, tmp_path):
    printed = example(root, "add_a_model", cwd=tmp_path)
    assert "finished after 250 steps" in printed
    with Image.open(tmp_path / "plain_autoencoder.png") as grid:
        assert grid.size == (329, 329)
        assert len(grid.getcolors(70_000)) > 20  # there is something to see


@pytest.mark.slow
def test_two_folders_are_compared(root, tmp_path):
    printed = example(root, "compare_two_folders", cwd=tmp_path)
    assert "blurred" in printed
    assert "noisy" in printed
    assert "(floor)" in printed
    assert "place" in printed
