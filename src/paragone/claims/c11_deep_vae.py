"""C11: not yet measured; what it would take stands below."""

from paragone.claims.base import Claim, Effect, Evidence, NotMeasuredError

CLAIM = Claim(
    surveys=("li",),
    sentence="More depth gives a VAE more capacity but makes it harder to train (vanishing gradients).",
    measured="To be measured: rate, reconstruction and gradient norms by layer of VAEs of growing depth.",
    rule="To be stated before the first run.",
    lacks="no deep VAE (hierarchy of latents) row yet",
)


def judge(evidence: Evidence) -> list[Effect]:
    raise NotMeasuredError(CLAIM.lacks)
