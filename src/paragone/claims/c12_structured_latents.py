"""C12: not yet measured; what it would take stands below."""

from paragone.claims.base import Claim, Effect, Evidence, NotMeasuredError

CLAIM = Claim(
    surveys=("li",),
    sentence="Flow or autoregressive latents improve a VAE's images.",
    measured="To be measured: a VAE with an autoregressive or flow prior against the same VAE.",
    rule="To be stated before the first run.",
    lacks="no flow or PixelCNN row yet; VQ-VAE + prior against VQ-VAE (uniform prior) is its discrete relative",
)


def judge(evidence: Evidence) -> list[Effect]:
    raise NotMeasuredError(CLAIM.lacks)
