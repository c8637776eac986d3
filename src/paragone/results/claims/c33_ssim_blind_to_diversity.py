"""C33: SSIM sees a blur; whether it sees that images repeat depends on what it compares."""

from paragone.evaluation import intervals
from paragone.results.claims.base import Claim, Effect, Evidence, Json, NotMeasuredError, at_least, below

COUNTS = 0.02  # of SSIM
LOST = 0.2  # of coverage: repeats that are surely less diverse

CLAIM = Claim(
    surveys=("zhao",),
    sentence="SSIM-like scores see detail but miss diversity.",
    measured="Detail: mean SSIM of real test images to blurred copies of themselves, taken from 1. Diversity, image by "
    "image: by how much that mean differs between a few images repeated and as many different ones, the different ones "
    "less the repeated. Diversity, in pairs: mean MS-SSIM of pairs of one class, repeated less different. "
    "Repeats count where they surely cost coverage, at least 0.2; the loss is noted.",
    rule="Detail: at least 0.02 lost, within 0.01 no effect. Diversity is missed where SSIM falls by less than 0.02, "
    "and where pairs are more alike by less than 0.02, the whole interval over draws; contradicted where all of it "
    "lies above. Each has a verdict.",
    studies=("blind_scores",),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for dataset, found in evidence.study("blind_scores")["datasets"].items():
        real, repeated, title = found["sets"]["real"], found["sets"]["repeated"], evidence.title(dataset)
        note = _lost(dataset, real, repeated)
        seen, missed = at_least(COUNTS, neutral=0.0, equal=0.01), below(COUNTS)
        whole = [1.0] * len(real)
        for part, what, a, b, said in (
            ("detail", "SSIM lost by blurring", whole, _of(real, "ssim"), seen),
            ("diversity, image by image", "SSIM lost by repeating", _of(real, "ssim"), _of(repeated, "ssim"), missed),
            ("diversity, in pairs", "MS-SSIM of pairs gained by repeating", _of(repeated, "pairs"), _of(real, "pairs"),
             missed),
        ):  # fmt: skip
            size = intervals.difference(a, b)
            about = "" if part == "detail" else note
            result.append(Effect(f"{what}, {title}", "", size, said, "draws", about, part))
    return result


def _lost(dataset: str, real: list[Json], repeated: list[Json]) -> str:
    """What repeating costs of coverage, in words. Raises NotMeasuredError where that is not surely enough."""
    lost = intervals.difference(_of(real, "coverage"), _of(repeated, "coverage"))
    if lost.low <= 0 or lost.value < LOST:
        raise NotMeasuredError(
            f"study 'blind_scores': {dataset}: repeating costs {lost.value:.3g} of coverage, where {LOST:g} is to show "
            "that the repeated images are less diverse"
        )
    return f"repeating costs {lost.value:.2f} of coverage"


def _of(rows: list[Json], key: str) -> list[float]:
    return [row[key] for row in rows]
