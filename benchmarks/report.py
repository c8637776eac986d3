"""CPU seconds of a report, and how they grow with the number of runs and of figures per run.

    .venv/bin/python benchmarks/report.py

The runs are synthetic: copies of the tests' sample project (tests/support/sample_project.py) with three seeds per row,
and with synthetic feature spaces added until each run has the required number of figures. Each size runs in a process
of its own. The time is that of the stage including imports, without MLflow's mirror. Writes report.md beside this file.
"""

import json
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests")]
DATASET, SEEDS = "mnist-5k", (0, 1, 2)
SIZES = [(75, 200), (150, 200), (300, 200), (150, 100), (150, 400)]  # runs, figures of each
GOAL = 60.0  # CPU seconds of 300 runs with 200 figures each

app = typer.Typer(add_completion=False, help=__doc__, rich_markup_mode=None, pretty_exceptions_enable=False)


def make_runs(root: Path, runs: int, figures: int) -> Any:
    """Make a project with `runs` finished runs and at least `figures` figures each; returns its params."""
    from paragone.project.params import Params
    from paragone.results.runs import flatten, is_figure
    from support import sample_project

    params = sample_project.make(root, SEEDS, (DATASET,))
    branch, models = root / "runs/quick" / DATASET, list(sample_project.MODELS)
    rows = {}
    for i in range(runs // len(SEEDS)):
        copy, model = divmod(i, len(models))
        entry = sample_project.MODELS[models[model]]
        parents = {role: f"{row}-{copy}" for role, row in entry.get("parents", {}).items()}
        name = f"{models[model]}-{copy}"
        rows[name] = entry | {"model": models[model], "title": f"Model {name}", "parents": parents}
        shutil.copytree(branch / models[model], branch / name)
        for file in sorted((branch / name).glob("*/metrics.json")):
            metrics = json.loads(file.read_text())
            known = {k: v for k, v in metrics.get("spaces", {}).items() if k.startswith("clf")}
            while known and sum(is_figure(v) for _, v in flatten("", metrics)) < figures:
                metrics["spaces"][f"space{len(metrics['spaces']):02d}"] = next(iter(known.values()))
            file.write_text(json.dumps(metrics))
    values = params.model_dump(exclude_defaults=True)
    values["profiles"]["quick"] |= {"models": rows, "studies": {}}
    return Params.model_validate(values)


@app.command(hidden=True)
def one(runs: int, figures: int) -> None:
    """Print the CPU seconds and the size of one report."""
    imported = time.process_time()
    from paragone.project import environment

    environment.prepare(HERE.parent)
    from paragone.report import terminal
    from paragone.stages import report

    imported = time.process_time() - imported
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        params = make_runs(root, runs, figures)
        began = time.process_time()
        found = report.gather(root, params, "quick")
        report.write(found, root / "reports")
        terminal.print_table(found.results)
        cpu = time.process_time() - began + imported
        shape = list(found.results.runs.shape)
    print(json.dumps({"runs": runs, "figures": figures, "columns": shape[1], "cpu_s": cpu}))


@app.command()
def measure(out: Annotated[Path, typer.Option(help="File for the table.")] = HERE / "report.md") -> None:
    """Measure every size and write the table."""
    lines = [f"| {title} " for title in ("runs", "figures per run", "columns of the table", "CPU, s", "CPU per run, s")]
    rows = ["".join(lines) + "|", "|---:|---:|---:|---:|---:|"]
    for runs, figures in SIZES:
        command = [sys.executable, __file__, "one", str(runs), str(figures)]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found = json.loads(printed.splitlines()[-1])
        cpu = found["cpu_s"]
        rows.append(f"| {runs} | {figures} | {found['columns']} | {cpu:.1f} | {cpu / runs:.2f} |")
        print(rows[-1], flush=True)
    about = (
        "# What a report costs\n\nWritten by `python benchmarks/report.py`: synthetic runs, three seeds per row, one "
        f"data set, each size once. Goal: 300 runs with 200 figures each in under {GOAL:.0f} CPU seconds.\n\n"
    )
    machine = f"\n{time.strftime('%Y-%m-%d')}, {platform.machine()}, Python {platform.python_version()}.\n"
    out.write_text(about + "\n".join(rows) + "\n" + machine)


if __name__ == "__main__":
    app() if len(sys.argv) > 1 else measure()
