"""C29: not yet measured; what it would take is below."""

from paragone.results.claims.base import Claim, Effect, Evidence, NotMeasuredError

CLAIM = Claim(
    surveys=("zhao",),
    sentence="ProGAN is more stable and more varied than DCGAN at higher resolution.",
    measured="To be measured: share of runs that collapse, and coverage, at 64 px and more.",
    rule="To be stated before the first run.",
    lacks="no rule yet: the ProGAN row has run in no profile but systems",
)


def effects(evidence: Evidence) -> list[Effect]:
    raise NotMeasuredError(CLAIM.lacks)
