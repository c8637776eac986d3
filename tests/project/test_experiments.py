"""DVC's experiments, metrics and plots are about the profiles that were asked for, and are worth reading."""

import csv
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support import ROOT, stand_in

BRANCH = "runs/quick/digits/ddpm"
COMMANDS = re.findall(r"^\.venv/bin/dvc ((?:exp|metrics|plots) .*)$", (ROOT / "docs/change.md").read_text(), re.M)


def dvc(folder: Path, *args: str) -> str:
    command = [sys.executable, "-m", "dvc", *args]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def here(command: str) -> list[str]:
    """A command of the README for the rows of this project."""
    words = re.findall(r"'[^']*'|\S+", command)
    return [w.strip("'").replace("mnist-5k/dcgan", "digits/ddpm").replace("models.dcgan", "models.ddpm") for w in words]


@pytest.mark.slow
def test_the_readmes_commands_work_on_one_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = stand_in.build(tmp_path, monkeypatch)
    dvc(project, "repro", "-q")
    for line in ("git add .", "git -c user.name=a -c user.email=a@b commit -qm y"):
        subprocess.run(line.split(), cwd=project, check=True)
    before = (project / BRANCH / "0/headline.json").read_text()
    run, show, metrics, plots = (here(command) for command in COMMANDS)

    out = dvc(project, *run)
    assert "kimg: 10" in (project / "profiles/quick.yaml").read_text()
    assert "Running stage 'profile'" in out
    assert f"Running stage '{BRANCH}/dvc.yaml:train@0'" in out
    assert (project / BRANCH / "0/headline.json").read_text() != before
    assert "runs/quick/digits/ddim" not in out

    table = list(csv.DictReader(io.StringIO(dvc(project, *show, "--csv"))))
    assert "workspace" in {row["rev"] for row in table}
    assert set(table[0]) - {"Experiment", "rev", "typ", "Created"} == {
        f"{BRANCH}/0/headline.json:fd",
        "models.ddpm.plan.kimg",
    }

    shown = dvc(project, *metrics)
    assert f"{BRANCH}/0/headline.json" in shown
    dvc(project, *plots, "-o", "build/plots")
    assert "ddpm on digits" in (project / "build/plots/index.html").read_text()
