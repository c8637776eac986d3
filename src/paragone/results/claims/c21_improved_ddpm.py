"""C21: what the cosine schedule and the learned variance buy, each alone and both, at few steps and in likelihood."""

from paragone.results import curves, measures
from paragone.results.claims.base import Claim, Effect, Evidence, at_least, in_part, points

BASELINE = "ddpm_linear"  # the paper's: linear schedule, predicted noise, fixed variance
CROSSED = {"ddpm_cosine": "schedule", "improved_linear": "variance", "improved_cosine": "schedule and variance"}
STEPS = (10, 25, 50)

CLAIM = Claim(
    surveys=("hu",),
    sentence="Improved DDPM's schedule and learned variance help (likelihood, fewer steps).",
    measured="Against the paper's baseline (linear schedule, predicted noise, fixed variance), the same network and "
    "budget with the cosine schedule, with the learned variance, and with both. Likelihood: bound of test images "
    "(bits per dimension), the baseline's less theirs. Fewer steps: Frechet distance of the baseline's samples over "
    "that of theirs, in every feature space, sampled in 10, 25 and 50 evenly spaced steps of the same weights.",
    rule="Likelihood: the bound lower by at least 0.02 bits per dimension, within 0.02 no effect. Fewer steps: the "
    "ratio at least 1.1, within 1/1.1 to 1.1 no effect.",
    rows=(BASELINE, *CROSSED),
    studies=("sampling_curve",),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for row, part in CROSSED.items():
        for d in evidence.datasets(*CLAIM.rows):
            lower = points(evidence, d, measures.BITS, "Bound", BASELINE, row, at_least(0.02, neutral=0.0))
            result += in_part(part, [lower])
        for k in STEPS:
            result += in_part(part, curves.distances(evidence, (BASELINE, k), (row, k), at_least(1.1)))
    return result
