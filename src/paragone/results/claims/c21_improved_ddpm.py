"""C21: what the learned variance and the cosine schedule buy, at few steps and in likelihood: one after the other, and
crossed where a profile has the fourth row."""

from paragone.results import curves, measures
from paragone.results.claims.base import Claim, Effect, Evidence, at_least, in_part, points

BASELINE = "ddpm_linear"  # the paper's: linear schedule, predicted noise, fixed variance
STEPWISE = (  # what changes from the first row to the second
    ("variance", BASELINE, "improved_linear"),
    ("schedule", "improved_linear", "improved_cosine"),
    ("schedule and variance", BASELINE, "improved_cosine"),
)
FOURTH = "ddpm_cosine"  # the schedule alone
CROSSED = (  # the same two changes, each from the other side
    ("schedule", BASELINE, FOURTH),
    ("variance", FOURTH, "improved_cosine"),
)
STEPS = (10, 25, 50)

CLAIM = Claim(
    surveys=("hu",),
    sentence="Improved DDPM's schedule and learned variance help (likelihood, fewer steps).",
    measured="One network and budget with the paper's linear schedule, predicted noise and fixed variance; with the "
    "learned variance in its place; and with the cosine schedule besides. The variance is judged by the step from the "
    "first to the second, the schedule by that from the second to the third, both by that from the first to the third. "
    "Crossed, where the profile has the cosine schedule with a fixed variance: the schedule also under that variance, "
    "and the variance also under that schedule. Likelihood: bound of test images (bits per dimension), the earlier "
    "one's less the later one's. Fewer steps: Frechet distance of the earlier one's samples over that of the later "
    "one's, in every feature space, sampled in 10, 25 and 50 evenly spaced steps of the same weights.",
    rule="Likelihood: the bound lower by at least 0.02 bits per dimension, within 0.02 no effect. Fewer steps: the "
    "ratio at least 1.1, within 1/1.1 to 1.1 no effect.",
    rows=(BASELINE, "improved_linear", "improved_cosine"),
    joins=(FOURTH,),
    studies=("sampling_curve",),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for part, before, after in (*STEPWISE, *(CROSSED if evidence.has(FOURTH) else ())):
        for d in evidence.datasets(*CLAIM.rows):
            lower = points(evidence, d, measures.BITS, "Bound", before, after, at_least(0.02, neutral=0.0))
            result += in_part(part, [lower])
        for k in STEPS:
            result += in_part(part, curves.distances(evidence, (before, k), (after, k), at_least(1.1)))
    return result
