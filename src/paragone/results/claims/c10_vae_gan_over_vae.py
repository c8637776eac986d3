"""C10: a learned similarity in place of the pixels'."""

from paragone.results.claims.base import Claim, Effect, Evidence, points, times

CLAIM = Claim(
    surveys=("li",),
    sentence="VAE-GAN improves quality and diversity over the standard VAE.",
    measured="Quality: Frechet distance of the VAE's samples over that of VAE-GAN's. Diversity: coverage of VAE-GAN "
    "less that of the VAE.",
    rule="Supported where the distance is at least 1.1 times as large and coverage larger by at least 0.02, with "
    "intervals over seeds above 1 and 0; contradicted where they lie below 1.1 and 0.02.",
    rows=("vae", "vae_gan"),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for d in evidence.datasets(*CLAIM.rows):
        result += [times(evidence, d, column, label, "vae", "vae_gan", 1.1) for label, column in evidence.distances(d)]
        label, column = evidence.beside(d, "coverage")
        result.append(points(evidence, d, column, label, "vae_gan", "vae", 0.02))
    return result
