"""C25: not yet measured; what it would take stands below."""

from paragone.results.claims.base import Claim, Effect, Evidence, NotMeasuredError

CLAIM = Claim(
    surveys=("hu",),
    sentence="ControlNet-style conditioning gives layout control that plain models lack.",
    measured="To be measured: agreement of samples with a layout asked for.",
    rule="To be stated before the first run.",
    lacks="no ControlNet row yet",
)


def effects(evidence: Evidence) -> list[Effect]:
    raise NotMeasuredError(CLAIM.lacks)
