"""C22: not yet measured; what it would take is below."""

from paragone.results.claims.base import Claim, Effect, Evidence, NotMeasuredError

CLAIM = Claim(
    surveys=("hu",),
    sentence="LDM is 96 % more efficient than pixel-space diffusion, at a loss of fine detail.",
    measured="To be measured: training and sampling cost of a latent against a pixel-space diffusion model at equal "
    "quality.",
    rule="To be stated before the first run.",
    lacks="no rule yet: the LDM row has run in no profile but systems",
)


def effects(evidence: Evidence) -> list[Effect]:
    raise NotMeasuredError(CLAIM.lacks)
