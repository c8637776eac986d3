"""C02: who covers more of the data."""

from paragone.results.claims.base import Claim, Effect, Evidence, points

CLAIM = Claim(
    surveys=("li", "poudel"),
    sentence="A VAE captures the structure of the distribution better than a GAN does.",
    measured="Coverage (share of real images with a sample in their neighbourhood) of the VAE less that of DCGAN, both "
    "of convolutions. Likelihood cannot be compared: a GAN has none.",
    rule="Supported where the VAE's coverage is larger by at least 0.02 and the interval over seeds lies above 0; "
    "contradicted where the interval lies below 0.02.",
    rows=("vae", "dcgan"),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for d in evidence.datasets(*CLAIM.rows):
        label, column = evidence.beside(d, "coverage")
        result.append(points(evidence, d, column, label, "vae", "dcgan", 0.02))
    return result
