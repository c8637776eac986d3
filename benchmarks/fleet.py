"""Two workers compared with one: the same two units of two seeds each; workers share only a DVC remote.

    .venv/bin/python benchmarks/fleet.py [--seconds 20] [--waiting]

Each of the four trainings keeps a core busy for the given CPU seconds. With --waiting it only waits, as if each worker
had its own machine. Writes orchestration.json and orchestration.md beside this file.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import orchestration
import pytest
import typer

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from flows.run.processes import Guard  # noqa: E402
from paragone.project import environment  # noqa: E402
from support import fleet_project  # noqa: E402


def measure(workers: int, seconds: float, computes: bool) -> float:
    """Wall seconds from the first unit sent to the last one returned, with the workers already waiting."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch, Guard() as guard:
        root = Path(folder)
        project = fleet_project.build(root, str(root / "remote"), patch)
        trainings = [
            f"paragone train all {data} vae --seed {seed}" for data in ("digits", "clothes") for seed in (0, 1)
        ]
        fleet_project.behave(root, dict.fromkeys(trainings, {"compute": seconds} if computes else seconds))
        with fleet_project.serving(root, guard, patch):
            for i in range(workers):
                fleet_project.start_worker(root, guard, f"worker{i}")
            time.sleep(15)  # until they listen
            process = fleet_project.start(project, "--profile", "all")
            assert process.stdout is not None
            moments = [
                (line.split()[0], time.monotonic()) for line in process.stdout if line.startswith(("sent", "home"))
            ]
            assert process.wait() == 0
    return moments[-1][1] - moments[0][1]


def main(
    seconds: Annotated[float, typer.Option(help="Seconds that each of the four trainings takes.")] = 20.0,
    waiting: Annotated[bool, typer.Option("--waiting", help="Let the trainings wait instead of computing.")] = False,
) -> None:
    """Measure both, and print the ratio."""
    environment.prepare(ROOT)
    walls = []
    for count in (1, 2):
        walls.append(measure(count, seconds, not waiting))
        typer.echo(f"{count} worker{'s' * (count > 1)}: {walls[-1]:.0f} s")
    found = {"seconds": seconds, "computes": not waiting, "walls_s": walls}
    orchestration.keep("fleet, waiting" if waiting else "fleet", found)
    typer.echo(f"ratio {walls[0] / walls[1]:.2f}; the trainings alone: 2.00")


if __name__ == "__main__":
    typer.run(main)
