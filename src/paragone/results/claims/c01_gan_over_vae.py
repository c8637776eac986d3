"""C01: whose images are the better, where both use convolutions."""

from paragone.results.claims.base import Claim, Effect, Evidence, times

CLAIM = Claim(
    surveys=("li",),
    sentence="GAN images show richer detail than VAE images, which are of lower quality.",
    measured="Frechet distance of the VAE's samples over that of DCGAN's, both of convolutions, in every feature "
    "space.",
    rule="Supported where the VAE's distance is at least 1.1 times DCGAN's and the interval over seeds lies above "
    "1; contradicted where the interval lies below 1.1.",
    rows=("vae", "dcgan"),
)


def effects(evidence: Evidence) -> list[Effect]:
    return [
        times(evidence, d, column, label, "vae", "dcgan", 1.1)
        for d in evidence.datasets(*CLAIM.rows)
        for label, column in evidence.distances(d)
    ]
