"""What a survey costs on GPUs and how long a fleet takes, from measured rates or, where none exists, from MACs.

    .venv/bin/python benchmarks/macs.py --out benchmarks/macs.json
    .venv/bin/python benchmarks/schedule.py    # schedule.json, the table and docs/fleet-schedule.svg

This is a simulation, not a measurement. As in `flows.fleet`, units are handed out with the longest chain first;
workers die at random. Only trainings count; sampling, evaluation and transfers are left out.
"""

import heapq
import json
import random
from pathlib import Path
from typing import Any, NamedTuple

import typer

from paragone.project import settings

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
# Training images (3 x 32 x 32) per second on one H100, with the papers' batch sizes (docs/scaling.md).
MEASURED = {
    "gan": 12_366, "dcgan": 13_127, "cgan": 8_740, "wgan": 7_093, "wgan_gp": 6_861, "lsgan": 4_540, "sngan": 3_370,
    "infogan": 8_157, "cvae": 18_858, "aae": 9_549, "aae_labels": 9_486, "vae_gan": 2_223, "vq_vae": 12_085,
    "vq_prior": 4_910,
}  # fmt: skip
SPEED = 15.5e12  # multiply-accumulates per second: DCGAN's, the fastest of the measured rows
STEP = 0.010  # minimum seconds per step: the time that launching kernels takes in the measured rows
DATASETS, SEEDS = 13, 5  # with the rows of `survey`, about 10,000 stages
LIFE, BACK, SILENT = (
    1000.0,
    0.25,
    1 / 60,
)  # hours between the deaths of a worker, until it is back, until its death is noticed
GPUS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Unit(NamedTuple):
    """Stages that one worker runs one after another, and the unit that must be finished first."""

    hours: tuple[float, ...]
    after: int | None


def hours(row: str, counted: dict[str, Any]) -> tuple[float, str] | None:
    """GPU-hours of one training, and how they were obtained; None for a row about which nothing is known."""
    kimg = counted.get("kimg")
    if row in MEASURED and kimg:
        return kimg * 1000 / MEASURED[row] / 3600, "measured"
    if kimg and "macs_m" in counted:
        seconds = max(STEP, counted["macs_m"] * 1e6 * counted["batch"] / SPEED)
        return kimg * 1000 / counted["batch"] * seconds / 3600, "estimated"
    return (0.0, "no training") if kimg == 0 else None


def units(costs: dict[str, float], parents: dict[str, str], *, whole: bool) -> list[Unit]:
    """The units of all data sets: a row with all of its seeds, as in a fleet, or (not whole) each seed by itself."""
    found, place = list[Unit](), dict[tuple[str, int, int], int]()
    order = sorted(costs, key=lambda row: _depth(row, parents))
    for dataset in range(DATASETS):
        for row in order:
            for seed in range(1 if whole else SEEDS):
                place[row, dataset, seed] = len(found)
                after = place.get((parents.get(row, ""), dataset, seed))
                found.append(Unit((costs[row],) * (SEEDS if whole else 1), after))
    return found


def _depth(row: str, parents: dict[str, str]) -> int:
    return 1 + _depth(parents[row], parents) if row in parents else 0


def simulate(work: list[Unit], gpus: int, *, dying: bool, seed: int = 0) -> float:
    """Hours until everything is done. When a worker dies, its current training starts over; finished ones are kept."""
    draw = random.Random(seed)
    below: list[list[int]] = [[] for _ in work]
    for place, unit in enumerate(work):
        if unit.after is not None:
            below[unit.after].append(place)
    chain = [0.0] * len(work)
    for place in reversed(range(len(work))):  # children come after their parents
        chain[place] = sum(work[place].hours) + max((chain[child] for child in below[place]), default=0.0)
    ready = [(-chain[place], place, 0) for place, unit in enumerate(work) if unit.after is None]
    heapq.heapify(ready)
    free = [0.0] * gpus  # when each worker can start
    later: list[tuple[float, int, int]] = []  # when a unit may go out (again), which unit, its first unfinished stage
    ended = 0.0
    while ready or later:
        now = heapq.heappop(free)
        while later and (later[0][0] <= now or not ready):
            at, place, done = heapq.heappop(later)
            now = max(now, at)
            heapq.heappush(ready, (-chain[place], place, done))
        _, place, done = heapq.heappop(ready)
        end, done, alive = _visit(work[place].hours, done, now, draw.expovariate(1 / LIFE) if dying else float("inf"))
        if alive:
            heapq.heappush(free, end)
            ended = max(ended, end)
            for child in below[place]:
                heapq.heappush(later, (end, child, 0))
        else:
            heapq.heappush(free, end + BACK)
            heapq.heappush(later, (end + SILENT, place, done))
    return ended


def _visit(stages: tuple[float, ...], done: int, now: float, life: float) -> tuple[float, int, bool]:
    """When a worker finishes a unit or dies, how many stages are done by then, and whether it is alive."""
    death = now + life
    for stage in stages[done:]:
        if now + stage > death:
            return death, done, False
        now, done = now + stage, done + 1
    return now, done, True


def draw_curves(found: dict[str, Any], file: Path) -> None:
    """Plot days against the number of GPUs."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "schedule"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 4))
    axes.plot(GPUS, [found["gpu_hours"] / 24 / n for n in GPUS], ":", color="grey", label="work / GPUs")
    for name, marker in (("units of all seeds", "o"), ("units of one seed", "s")):
        axes.plot(GPUS, [h / 24 for h in found[name]], f"{marker}-", label=name)
        axes.plot(GPUS, [h / 24 for h in found[f"{name}, workers die"]], f"{marker}--", label=f"{name}, workers die")
    axes.set(xscale="log", yscale="log", xlabel="GPUs", ylabel="days", xticks=GPUS, xticklabels=GPUS)
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(file, bbox_inches="tight", metadata={"Date": None})


def main() -> None:
    """Print the table of costs, run the simulation, and write the outcome."""
    counted = json.loads((HERE / "macs.json").read_text())["rows"]
    params = settings.load(ROOT, "survey")
    rows = params.get_profile("survey").models
    known = {row: cost for row in rows if (cost := hours(row, counted.get(row, {})))}
    parents = {row: max(p, key=lambda r: known[r][0]) for row in known if (p := _known_parents(params, row, known))}
    costs = {row: cost for row, (cost, _) in known.items()}
    for row, (cost, source) in known.items():
        about = counted.get(row, {})
        rate = f"{about['kimg'] * 1000 / cost / 3600:,.0f}" if cost else "–"
        macs = f"{about['macs_m']:,.0f}" if "macs_m" in about else "–"
        typer.echo(f"| `{row}` | {about.get('kimg', 0) / 1000:g} | {macs} | {rate} | {source} | {cost:.1f} |")
    found: dict[str, Any] = {"gpu_hours": sum(costs.values()) * DATASETS * SEEDS, "gpus": GPUS}
    found["unknown"] = sorted(set(rows) - set(known))
    for name, whole in (("units of all seeds", True), ("units of one seed", False)):
        work = units(costs, parents, whole=whole)
        found[name] = [round(simulate(work, n, dying=False), 1) for n in GPUS]
        found[f"{name}, workers die"] = [round(simulate(work, n, dying=True), 1) for n in GPUS]
    (HERE / "schedule.json").write_text(json.dumps(found | {"hours": costs}, indent=1) + "\n")
    draw_curves(found, ROOT / "docs/fleet-schedule.svg")
    typer.echo(json.dumps(found))


def _known_parents(params: Any, row: str, known: dict[str, Any]) -> list[str]:
    return [parent for parent in params.parent_rows("survey", row).values() if parent in known]


if __name__ == "__main__":
    typer.run(main)
