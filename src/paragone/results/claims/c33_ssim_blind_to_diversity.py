"""C33: SSIM sees a blur, and not that images repeat."""

from paragone.evaluation import intervals
from paragone.results.claims.base import Claim, Effect, Evidence, Json, above, at_least

CLAIM = Claim(
    surveys=("zhao",),
    sentence="SSIM-like scores see detail but miss diversity.",
    measured="Mean SSIM of real test images to blurred copies of themselves, taken from 1; that of a few images "
    "repeated, less that of as many different ones; and the coverage that repeating costs.",
    rule="Supported where blurring costs at least 0.02 of SSIM and repeating less than 0.02, though it costs at "
    "least 0.2 of coverage, with the intervals over draws on that side; contradicted where they lie on the other.",
    studies=("blind_scores",),
)


def effects(evidence: Evidence) -> list[Effect]:
    result, covered = [], at_least(0.2, neutral=0.0, equal=0.05)
    for dataset, found in evidence.study("blind_scores")["datasets"].items():
        real, repeated, title = found["sets"]["real"], found["sets"]["repeated"], evidence.title(dataset)
        lost, ssim = at_least(0.02, neutral=0.0, equal=0.01), _of(real, "ssim")
        for what, a, b, said in (
            ("SSIM lost by blurring", [1.0] * len(real), ssim, lost),
            ("SSIM of repeated images less that of different ones", _of(repeated, "ssim"), ssim, above(-0.02)),
            ("Coverage lost by repeating", _of(real, "coverage"), _of(repeated, "coverage"), covered),
        ):
            size = intervals.difference(a, b)
            result.append(Effect(f"{what}, {title}", "", size, said, "draws"))
    return result


def _of(rows: list[Json], key: str) -> list[float]:
    return [row[key] for row in rows]
