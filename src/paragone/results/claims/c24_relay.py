"""C24: not yet measured; what it would take stands below."""

from paragone.results.claims.base import Claim, Effect, Evidence, NotMeasuredError

CLAIM = Claim(
    surveys=("hu",),
    sentence="A GAN-diffusion relay gives diffusion quality at near real time.",
    measured="To be measured: a GAN first, a few diffusion steps after, against both alone.",
    rule="To be stated before the first run.",
    lacks="no relay row yet",
)


def effects(evidence: Evidence) -> list[Effect]:
    raise NotMeasuredError(CLAIM.lacks)
