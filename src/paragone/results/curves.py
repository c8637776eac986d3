"""What the study `sampling_curve` says: one row at some number of steps against another, paired by seed."""

from paragone.evaluation import intervals
from paragone.results import measures
from paragone.results.claims.base import SEEDS, Bounds, Effect, Evidence, Json, NotMeasuredError
from paragone.results.space_names import fd_label

STUDY = "sampling_curve"


def distances(
    evidence: Evidence, larger: tuple[str, int | None], smaller: tuple[str, int | None], bounds: Bounds
) -> list[Effect]:
    """How many times larger the Frechet distance of one (row, steps) is than that of another, in every space; steps
    None: as the row is. Raises NotMeasuredError."""
    found = evidence.study(STUDY)
    a, b = (_by_seed(found, *of) for of in (larger, smaller))
    shared = sorted(a.keys() & b.keys())
    if len(shared) < SEEDS:
        raise NotMeasuredError(
            f"study '{STUDY}' has {len(shared)} seeds of both {_name(evidence, *larger)} and "
            f"{_name(evidence, *smaller)}; it takes {SEEDS}"
        )
    result = []
    for space in a[shared[0]]["spaces"]:
        figures = [[part[seed]["spaces"][space][measures.DISTANCE] for seed in shared] for part in (a, b)]
        of = f"{_name(evidence, *larger)} over that of {_name(evidence, *smaller)}"
        what = f"{fd_label(space)} of {of}, {evidence.title(found['dataset'])}"
        result.append(Effect(what, "times", intervals.ratio(*figures), bounds))
    return result


def steps(evidence: Evidence, row: str) -> list[int | None]:
    """The numbers of steps that a row was sampled at, rising."""
    found = evidence.study(STUDY)["rows"].get(row, [])
    return sorted({point["steps"] for point in found}, key=lambda k: k or 0)


def _by_seed(found: Json, row: str, k: int | None) -> dict[int, Json]:
    points = [p for p in found["rows"].get(row, []) if p["steps"] == k and p.get("start") is None]
    if not points:
        at = "as it is" if k is None else f"in {k} steps"
        raise NotMeasuredError(f"study '{STUDY}' did not sample '{row}' {at}; add it to the study's options")
    return {point["seed"]: point for point in points}


def _name(evidence: Evidence, row: str, k: int | None) -> str:
    return evidence.name(row) if k is None else f"{evidence.name(row)} ({k} step{'s' * (k > 1)})"
