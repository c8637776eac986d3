"""C19: how much of a codebook stays unused as it grows."""

from paragone.results import measures
from paragone.results.claims.base import Claim, Effect, Evidence, at_least, points

PAIRS = (("vq_vae_32", "vq_vae_512"), ("vq_vae_2_32", "vq_vae_2_512"))  # few codes, many
VQGAN = ("vqgan_32", "vqgan_512")

CLAIM = Claim(
    surveys=("hu",),
    sentence="A larger codebook raises the risk of collapse (codes unused).",
    measured="Share of the codes that test images use with 32 codes less that with 512, of VQ-VAE and of VQ-VAE-2, "
    "and of VQGAN where the profile has it; the same network, budget and codebook updates, restarts of unused codes as "
    "the rows say.",
    rule="The share falls by at least 0.1; within 0.05 it is no effect.",
    rows=tuple(row for pair in PAIRS for row in pair),
    joins=VQGAN,
)


def effects(evidence: Evidence) -> list[Effect]:
    said = at_least(0.1, neutral=0.0, equal=0.05)
    return [
        points(evidence, d, measures.CODES_USED, "Share of codes used", *pair, said)
        for pair in (*PAIRS, *([VQGAN] if evidence.has(*VQGAN) else []))
        for d in evidence.datasets(*pair)
    ]
