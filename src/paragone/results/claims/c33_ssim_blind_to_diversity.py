"""C33: SSIM sees a blur, and not that images repeat."""

from paragone.evaluation import intervals
from paragone.results.claims.base import Claim, Effect, Evidence, Json, decide

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
    result = []
    for dataset, found in evidence.study("blind_scores")["datasets"].items():
        real, repeated, title = found["sets"]["real"], found["sets"]["repeated"], evidence.title(dataset)
        for what, a, b, neutral, at_least in (
            ("SSIM lost by blurring", [1.0] * len(real), _of(real, "ssim"), 0.0, 0.02),
            (
                "SSIM of repeated images less that of different ones",
                _of(repeated, "ssim"),
                _of(real, "ssim"),
                -0.02,
                -0.02,
            ),
            ("Coverage lost by repeating", _of(real, "coverage"), _of(repeated, "coverage"), 0.0, 0.2),
        ):
            size = intervals.difference(a, b)
            verdict = decide(size, neutral, at_least)
            result.append(Effect(f"{what}, {title}", "", size, neutral, at_least, verdict, "draws"))
    return result


def _of(rows: list[Json], key: str) -> list[float]:
    return [row[key] for row in rows]
