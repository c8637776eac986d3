"""C25: not yet measured; what it would take is below."""

from paragone.results.claims.base import Claim, Effect, Evidence, NotMeasuredError

CLAIM = Claim(
    surveys=("hu",),
    sentence="ControlNet-style conditioning gives layout control that plain models lack.",
    measured="To be measured: agreement of samples with a layout asked for.",
    rule="To be stated before the first run.",
    lacks="no rule yet: the ControlNet row has run in no profile but systems",
)


def effects(evidence: Evidence) -> list[Effect]:
    raise NotMeasuredError(CLAIM.lacks)
