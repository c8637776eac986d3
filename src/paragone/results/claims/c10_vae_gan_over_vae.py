"""C10: a learned similarity in place of the pixels', at equal images, at equal compute, at two budgets."""

from paragone.results import measures
from paragone.results.claims.base import Claim, Effect, Evidence, at_least, coverages, distances, in_part

PAIRS = (("vae", "vae_gan"), ("vae_half", "vae_gan_half"))  # as many seconds of training, at two budgets
AS_MANY = ("vae_as_vae_gan", "vae_gan")  # as many images and updates of the decoder
COMPUTE = 1.5  # seconds of training differ by no more

CLAIM = Claim(
    surveys=("li",),
    sentence="VAE-GAN improves quality and diversity over the standard VAE.",
    measured="Quality: Frechet distance of the VAE's samples over that of VAE-GAN's. Diversity: coverage of VAE-GAN "
    "less that of the VAE. Both in every feature space; once where both have trained for as many seconds (within a "
    "factor of 1.5), at two budgets, and once after as many images and updates of the decoder.",
    rule="Quality: the ratio at least 1.1, within 1/1.1 to 1.1 no effect. Diversity: larger by at least 0.02, within "
    "0.02 no effect.",
    rows=(*dict.fromkeys(row for pair in (*PAIRS, AS_MANY) for row in pair),),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for d in evidence.datasets(*CLAIM.rows):
        for pair in PAIRS:
            evidence.require_close(d, pair, measures.SECONDS, "seconds of training", COMPUTE)
        for column, what in ((measures.IMAGES, "training images"), (measures.UPDATES, "updates of the decoder")):
            evidence.require_equal(d, AS_MANY, column, what)
        for vae, vae_gan in (*PAIRS, AS_MANY):
            result += in_part("quality", distances(evidence, d, vae, vae_gan, at_least(1.1)))
            result += in_part("diversity", coverages(evidence, d, vae_gan, vae, at_least(0.02, neutral=0.0)))
    return result
