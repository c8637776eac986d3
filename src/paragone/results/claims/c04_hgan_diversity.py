"""C04: what HGAN's games at several sizes do to diversity. The survey cites no source; the row is a reading of it."""

from paragone.results import measures
from paragone.results.claims.base import Claim, Effect, Evidence, at_least, coverages, times

CLAIM = Claim(
    surveys=("li",),
    sentence="HGAN raises diversity.",
    measured="Coverage of HGAN (an interpretation: one generator, a discriminator at each of several sizes) less "
    "that of DCGAN, in every feature space, after equally many images and updates of the generator; and duplicates, "
    "DCGAN's share over HGAN's.",
    rule="Coverage larger by at least 0.02, and within 0.02 it is no effect; duplicates at least 1.1 times rarer, "
    "and within 1/1.1 to 1.1 it is no effect. Duplicates count only where every run has some.",
    rows=("dcgan", "hgan"),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for d in evidence.datasets(*CLAIM.rows):
        evidence.require_equal(d, CLAIM.rows, measures.IMAGES, "training images")
        evidence.require_equal(d, CLAIM.rows, measures.UPDATES, "updates of the generator")
        result += coverages(evidence, d, "hgan", "dcgan", at_least(0.02, neutral=0.0))
        if min(f for row in evidence.figures(d, CLAIM.rows, measures.DUPLICATES) for f in row) > 0:
            result.append(times(evidence, d, measures.DUPLICATES, "Duplicates", "dcgan", "hgan", at_least(1.1)))
    return result
