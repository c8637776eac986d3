"""C25: whether samples have the layout that was asked for."""

from paragone.evaluation import intervals
from paragone.results.claims.base import SEEDS, Claim, Effect, Evidence, Json, NotMeasuredError, at_least

STEERED, PLAIN = "controlnet", "ddpm"

CLAIM = Claim(
    surveys=("hu",),
    sentence="ControlNet-style conditioning gives layout control that plain models lack.",
    measured="Scenes by day, to be drawn by night (the data set day-night, whose true partners are known). "
    "Intersection over union of the figure in each sample and in the scene asked for: ControlNet's less that of the "
    "DDPM that it steers, which is told of no scene, as many samples of either. What any other scene reaches by "
    "chance is noted.",
    rule="Larger by at least 0.3, within 0.05 it is no effect.",
    rows=(PLAIN, STEERED),
    studies=("layout",),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for dataset, found in evidence.study("layout")["datasets"].items():
        steered, plain = (_by_seed(found, row) for row in (STEERED, PLAIN))
        shared = sorted(steered.keys() & plain.keys())
        if len(shared) < SEEDS:
            raise NotMeasuredError(
                f"{dataset}: study 'layout' has {len(shared)} seeds of '{STEERED}' and '{PLAIN}'; it takes {SEEDS}"
            )
        size = intervals.difference([steered[s] for s in shared], [plain[s] for s in shared])
        of = f"{evidence.name(STEERED)} less that of {evidence.name(PLAIN)}, {evidence.title(dataset)}"
        note = f"another scene reaches {found['chance']:.2f}"
        said = at_least(0.3, neutral=0.0, equal=0.05)
        result.append(Effect(f"Overlap with the layout asked for of {of}", "", size, said, note=note))
    return result


def _by_seed(found: Json, row: str) -> dict[int, float]:
    return {run["seed"]: run["iou"] for run in found["rows"].get(row, [])}
