"""C30: not yet measured; what it would take is below."""

from paragone.results.claims.base import Claim, Effect, Evidence, NotMeasuredError

CLAIM = Claim(
    surveys=("zhao",),
    sentence="StyleGAN improves on ProGAN in quality and separates the factors of an image.",
    measured="To be measured: Frechet distance, and disentanglement on data with known factors.",
    rule="To be stated before the first run.",
    lacks="no rule yet: the StyleGAN and ProGAN rows have run in no profile but systems",
)


def effects(evidence: Evidence) -> list[Effect]:
    raise NotMeasuredError(CLAIM.lacks)
