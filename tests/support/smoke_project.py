"""A small project whose stages are the real ones: a row or two of the smoke profile."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from paragone.project import pipeline, settings
from paragone.results.columns import by_table
from support import ROOT, idx_files, settings_files

DATASET = "mnist-5k"
PAIR = ("ddpm", "ddim")  # a network, and a row that draws from it
# of a run: what no two share
TIMED = {"started", "seconds", "images_per_second", "latency_ms", "latency_runs", "peak_memory_mb"}


def build(
    folder: Path,
    rows: Iterable[str] = PAIR,
    *,
    kimg: float | None = None,
    classifier: bool = True,
    digits: tuple[int, int] | None = None,
) -> Path:
    """Write the project, and run what its rows need: the data, its checks, the classifier, the reference.

    kimg: how long rows with a training of their own train, if not as in smoke. digits: of how many the training and the
    test split are, if not 4,000 and 1,000.
    """
    values = settings_files.project_values("smoke")
    smoke = values["profiles"]["smoke"]
    smoke["models"] = {row: smoke["models"][row] for row in rows}
    smoke["datasets"] = [DATASET]
    smoke.pop("only", None)  # of the other data sets
    for plan in (entry["plan"] for entry in smoke["models"].values() if "plan" in entry and kimg is not None):
        plan["kimg"] = kimg
    if not classifier:
        smoke["spaces"].remove("classifier")
    data = values["datasets"][DATASET]
    if digits:
        idx_files.write_set(folder / "upstream", *digits)
        data |= {"source": "local", "path": "upstream"}
    chosen = {
        "profile": "smoke",
        "judges": [8, 8],
        "datasets": {DATASET: data},
        "profiles": {"smoke": smoke},
    }
    write(folder, chosen)
    command = [sys.executable, "-m", "dvc", "repro", "-q", f"reference-{DATASET}"]
    subprocess.run(command, cwd=folder, check=True)
    return folder


def write(folder: Path, values: dict[str, Any]) -> None:
    """A project of its own with these params: the code, the pipelines, git and DVC."""
    settings_files.write(folder, values)
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in (".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    for path, text in pipeline.generate(folder, settings.load(folder)).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    for line in ("git init -q", "git add .", "git -c user.name=a -c user.email=a@b commit -qm x"):
        subprocess.run(line.split(), cwd=folder, check=True)


def results(folder: Path) -> dict[str, Any]:
    """All that the runs and the report left, but for what is a matter of time."""
    found: dict[str, Any] = {}
    for file in sorted((folder / "runs/smoke").rglob("*")):
        if file.name in ("train.json", "sampling.json"):
            content = json.loads(file.read_text())
            found[str(file.relative_to(folder))] = {k: v for k, v in content.items() if k not in TIMED}
        elif file.is_file() and file.name not in ("dvc.lock", "failure.json", "usage.csv", "history.csv"):
            found[str(file.relative_to(folder))] = file.read_bytes()
    timed = [name for column in by_table.cost() for name in (column.key, f"{column.key}_ci95")]
    for name in ("main", "quality", "reconstruction"):
        file = folder / f"reports/tables/{name}.csv"
        there = file.exists() and file.read_text().strip()  # one without a column is empty
        found[name] = pd.read_csv(file).drop(columns=timed, errors="ignore").to_csv() if there else None
    return found
