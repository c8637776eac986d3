"""C19: how much of a codebook stays unused as it grows."""

from paragone.results.claims.base import Claim, Effect, Evidence, points

CLAIM = Claim(
    surveys=("hu",),
    sentence="A larger codebook raises the risk of collapse (codes unused).",
    measured="Share of the codes that test images use, of VQ-VAE with 32 codes less that with 512; the same network, "
    "budget and codebook updates, restarts of unused codes switched off.",
    rule="Supported where the share falls by at least 0.1 and the interval over seeds lies above 0; contradicted "
    "where the interval lies below 0.1.",
    rows=("vq_vae_32", "vq_vae_512"),
)


def effects(evidence: Evidence) -> list[Effect]:
    return [
        points(evidence, d, "metrics.codebook.used", "Share of codes used", "vq_vae_32", "vq_vae_512", 0.1)
        for d in evidence.datasets(*CLAIM.rows)
    ]
