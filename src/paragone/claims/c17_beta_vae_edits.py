"""C17: not yet measured; what it would take stands below."""

from paragone.claims.base import Claim, Effect, Evidence, NotMeasuredError

CLAIM = Claim(
    surveys=("hu",),
    sentence="beta-VAE edits succeed more than 75 % of the time; its images are blurred (SSIM below 0.65 at 512 x "
    "512).",
    measured="To be measured: share of latent edits that change the wanted factor and keep the rest, judged by "
    "classifiers of the factors.",
    rule="To be stated before the first run.",
    lacks="no study of edits yet; 512 x 512 needs a GPU",
)


def judge(evidence: Evidence) -> list[Effect]:
    raise NotMeasuredError(CLAIM.lacks)
