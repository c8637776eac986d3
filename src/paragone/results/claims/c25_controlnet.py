"""C25: whether samples have the layout that was asked for."""

from collections.abc import Callable

from paragone.evaluation import intervals
from paragone.evaluation.intervals import Interval
from paragone.results.claims.base import SEEDS, Claim, Effect, Evidence, Json, NotMeasuredError, at_least

STEERED, PLAIN = "controlnet", "ddpm"

CLAIM = Claim(
    surveys=("hu",),
    sentence="ControlNet-style conditioning gives layout control that plain models lack.",
    measured="Scenes by day, to be drawn by night (the data set day-night); figures, to be drawn from their edges and "
    "from boxes (few-shapes-edges, few-shapes-boxes). The true partners are known. By night: intersection over union "
    "of the figure in each sample and in the scene asked for. In all: share of samples whose class, size and place a "
    "network reads as those asked for. ControlNet's less that of the DDPM that it steers, which is told of no scene, "
    "as many samples of either. What any other scene reaches by chance is noted.",
    rule="Larger by at least 0.3, within 0.05 it is no effect.",
    rows=(PLAIN, STEERED),
    studies=("layout",),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for dataset, found in evidence.study("layout")["datasets"].items():
        of = f"{evidence.name(STEERED)} less that of {evidence.name(PLAIN)}, {evidence.title(dataset)}"
        if "chance" in found:
            size = _difference(dataset, found, lambda run: run["iou"])
            result.append(_effect(f"Overlap with the layout asked for of {of}", size, found["chance"]))
        if "read" in found:
            size = _difference(dataset, found, lambda run: run["read"]["all"])
            what = f"Share of samples of the class, size and place asked for of {of}"
            result.append(_effect(what, size, found["read"]["chance"]["all"]))
    return result


def _effect(what: str, size: Interval, chance: float) -> Effect:
    return Effect(what, "", size, at_least(0.3, neutral=0.0, equal=0.05), note=f"another scene reaches {chance:.2f}")


def _difference(dataset: str, found: Json, of: Callable[[Json], float]) -> Interval:
    """Paired by seed. Raises NotMeasuredError."""
    steered, plain = ({run["seed"]: of(run) for run in found["rows"].get(row, [])} for row in (STEERED, PLAIN))
    shared = sorted(steered.keys() & plain.keys())
    if len(shared) < SEEDS:
        raise NotMeasuredError(
            f"{dataset}: study 'layout' has {len(shared)} seeds of '{STEERED}' and '{PLAIN}'; it takes {SEEDS}"
        )
    return intervals.difference([steered[s] for s in shared], [plain[s] for s in shared])
