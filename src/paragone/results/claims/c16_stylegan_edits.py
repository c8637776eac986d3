"""C16: not yet measured; what it would take is below."""

from paragone.results.claims.base import Claim, Effect, Evidence, NotMeasuredError

CLAIM = Claim(
    surveys=("hu",),
    sentence="StyleGAN2 and 3 edit attributes finely (PSNR above 32 dB) at a high training cost.",
    measured="To be measured: edits in the style space of a trained StyleGAN2.",
    rule="To be stated before the first run.",
    lacks="no rule yet: the StyleGAN rows have run in no profile but systems, and StyleSpace, which edits, has no row",
)


def effects(evidence: Evidence) -> list[Effect]:
    raise NotMeasuredError(CLAIM.lacks)
