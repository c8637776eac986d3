"""C12: what a flow or an autoregressive model of the latents buys, against the VAE whose images it is to improve."""

from paragone.results.claims.base import Claim, Effect, Evidence, at_least, distances, in_part

LEARNED = {"flow_prior": "flow", "vq_prior": "autoregressive"}

CLAIM = Claim(
    surveys=("li",),
    sentence="Flow or autoregressive latents improve a VAE's images.",
    measured="Frechet distance of the VAE's samples over that of the same VAE's with latents drawn from a flow "
    "(RealNVP over z, the decoder unchanged), and over that of a VQ-VAE's with codes drawn from an autoregressive "
    "transformer, which has a decoder and a budget of its own; in every feature space.",
    rule="The ratio at least 1.1, within 1/1.1 to 1.1 no effect.",
    rows=("vae", *LEARNED),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for d in evidence.datasets(*CLAIM.rows):
        for row, part in LEARNED.items():
            result += in_part(part, distances(evidence, d, "vae", row, at_least(1.1)))
    return result
