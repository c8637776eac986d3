"""C03: convolutions against the original fully connected networks."""

from paragone.results import sharpness
from paragone.results.claims.base import Claim, Effect, Evidence, at_least, distances

PAIR = ("gan", "dcgan")
SAID = at_least(1.1)

CLAIM = Claim(
    surveys=("li", "zhao"),
    sentence="DCGAN improves sharpness and quality over the original GAN.",
    measured="Quality: Frechet distance of the original GAN's samples over that of DCGAN's, in every feature space. "
    "Sharpness: by what factor the original GAN's sharpness (variance of the Laplacian) differs from that of real "
    "test images, over DCGAN's factor; speckles are too sharp, and count as blur does.",
    rule="Both ratios at least 1.1; within 1/1.1 to 1.1 it is no effect.",
    rows=PAIR,
    studies=("sharpness",),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for d in evidence.datasets(*CLAIM.rows):
        result += distances(evidence, d, *PAIR, SAID)
        result.append(sharpness.departure(evidence, d, *PAIR, SAID))
    return result
