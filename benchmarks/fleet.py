"""Two workers against one: the same two units, whose trainings sleep, so that the cores do not matter.

python benchmarks/fleet.py 20    # seconds that each of the four trainings takes
"""

import sys
import tempfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests/flows")]

import fleet_project  # noqa: E402

from flows.processes import Guard  # noqa: E402


def measure(workers: int, seconds: float) -> float:
    """Wall seconds from the first unit sent to the last one home, the workers waiting."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch, Guard() as guard:
        root = Path(folder)
        project = fleet_project.build(root, str(root / "remote"), patch)
        trainings = [
            f"paragone train all {data} vae --seed {seed}" for data in ("digits", "clothes") for seed in (0, 1)
        ]
        fleet_project.behave(root, dict.fromkeys(trainings, seconds))
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


if __name__ == "__main__":
    length = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    walls = []
    for count in (1, 2):
        walls.append(measure(count, length))
        print(f"{count} worker{'s' * (count > 1)}: {walls[-1]:.0f} s", flush=True)
    print(f"ratio {walls[0] / walls[1]:.2f}; the trainings alone: 2.00")
