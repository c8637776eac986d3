"""C02: who covers more of the data."""

from paragone.results.claims.base import Claim, Effect, Evidence, at_least, coverages

CLAIM = Claim(
    surveys=("li", "poudel"),
    sentence="A VAE captures the structure of the distribution better than a GAN does.",
    measured="Coverage (share of real images with a sample in their neighbourhood) of the VAE less that of DCGAN, "
    "both of convolutions, in every feature space. Likelihood cannot be compared: a GAN has none.",
    rule="The VAE's coverage larger by at least 0.02; within 0.02 of each other it is no effect.",
    rows=("vae", "dcgan"),
)


def effects(evidence: Evidence) -> list[Effect]:
    said = at_least(0.02, neutral=0.0)
    return [e for d in evidence.datasets(*CLAIM.rows) for e in coverages(evidence, d, "vae", "dcgan", said)]
