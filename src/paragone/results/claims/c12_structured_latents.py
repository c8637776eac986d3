"""C12: what a learned prior over the latents buys: the same decoder, fed with drawn codes. Flow priors are left out."""

from paragone.results.claims.base import Claim, Effect, Evidence, times

CLAIM = Claim(
    surveys=("li",),
    sentence="Flow or autoregressive latents improve a VAE's images.",
    measured="The autoregressive half: Frechet distance of VQ-VAE's samples with codes drawn uniformly, the prior that "
    "its paper assumes in training, over that with codes drawn from an autoregressive transformer; one trained decoder "
    "for both, every feature space. Flow priors are not in this verdict yet.",
    rule="Supported where the distance with uniform codes is at least 1.1 times as large and the interval over seeds "
    "lies above 1; contradicted where the interval lies below 1.1.",
    rows=("vq_vae", "vq_prior"),
)


def effects(evidence: Evidence) -> list[Effect]:
    return [
        times(evidence, d, column, label, "vq_vae", "vq_prior", 1.1)
        for d in evidence.datasets(*CLAIM.rows)
        for label, column in evidence.distances(d)
    ]
