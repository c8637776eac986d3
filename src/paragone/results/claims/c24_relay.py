"""C24: not yet measured; what it would take is below."""

from paragone.results.claims.base import Claim, Effect, Evidence, NotMeasuredError

CLAIM = Claim(
    surveys=("hu",),
    sentence="A GAN-diffusion relay gives diffusion quality at near real time.",
    measured="To be measured: a GAN first, a few diffusion steps after, against both alone.",
    rule="To be stated before the first run.",
    lacks="no rule yet: the relay row has run in no profile but systems",
)


def effects(evidence: Evidence) -> list[Effect]:
    raise NotMeasuredError(CLAIM.lacks)
