"""C35: an adversary on the code, against the VAE and against the GAN, at equal compute and two budgets."""

from paragone.results import measures
from paragone.results.claims.base import Claim, Effect, Evidence, at_least, coverages, distances, in_part

BUDGETS = (("vae", "dcgan", ("aae", "avb")), ("vae_half", "dcgan_half", ("aae_half", "avb_half")))
COMPUTE = 1.5  # seconds of training differ by no more

CLAIM = Claim(
    surveys=("poudel",),
    sentence="AVB and AAE combine the strengths of VAE and GAN: better images than a VAE, better coverage than a GAN.",
    measured="Images: Frechet distance of the VAE's samples over that of AAE's and of AVB's. Coverage: that of AAE "
    "and of AVB less that of DCGAN. In every feature space, at two budgets, after as many seconds of training as the "
    "VAE and DCGAN had (within a factor of 1.5, else it is not measured).",
    rule="Images: the ratio at least 1.1, within 1/1.1 to 1.1 no effect. Coverage: larger by at least 0.02, within "
    "0.02 no effect.",
    rows=tuple(row for vae, gan, both in BUDGETS for row in (vae, gan, *both)),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for d in evidence.datasets(*CLAIM.rows):
        for vae, gan, both in BUDGETS:
            for row in both:
                for other in (vae, gan):
                    evidence.require_close(d, (other, row), measures.SECONDS, "seconds of training", COMPUTE)
                result += in_part("images", distances(evidence, d, vae, row, at_least(1.1)))
                result += in_part("coverage", coverages(evidence, d, row, gan, at_least(0.02, neutral=0.0)))
    return result
