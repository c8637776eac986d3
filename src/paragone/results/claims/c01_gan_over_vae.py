"""C01: whose images are the better and the sharper, where both use convolutions."""

from paragone.results import sharpness
from paragone.results.claims.base import Claim, Effect, Evidence, at_least, distances

PAIR = ("vae", "dcgan")
SAID = at_least(1.1)

CLAIM = Claim(
    surveys=("li",),
    sentence="GAN images show richer detail than VAE images, which are of lower quality.",
    measured="Quality: Frechet distance of the VAE's samples over that of DCGAN's, both of convolutions, in every "
    "feature space. Detail: by what factor the VAE's sharpness (variance of the Laplacian) differs from that of real "
    "test images, over DCGAN's factor.",
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
