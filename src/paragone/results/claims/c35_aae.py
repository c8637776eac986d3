"""C35: an adversary on the code, against the VAE and against the GAN."""

from paragone.results.claims.base import Claim, Effect, Evidence, points, times

CLAIM = Claim(
    surveys=("poudel",),
    sentence="AVB and AAE combine the strengths of VAE and GAN: better images than a VAE, better coverage than a GAN.",
    measured="Frechet distance of the VAE's samples over that of AAE's, and coverage of AAE less that of DCGAN. AVB "
    "is left out so far.",
    rule="Supported where the distance is at least 1.1 times as large and coverage larger by at least 0.02, with "
    "intervals over seeds above 1 and 0; contradicted where they lie below 1.1 and 0.02.",
    rows=("vae", "dcgan", "aae"),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for d in evidence.datasets(*CLAIM.rows):
        result += [times(evidence, d, column, label, "vae", "aae", 1.1) for label, column in evidence.distances(d)]
        label, column = evidence.beside(d, "coverage")
        result.append(points(evidence, d, column, label, "aae", "dcgan", 0.02))
    return result
