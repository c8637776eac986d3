"""C04: not yet measured; what it would take stands below."""

from paragone.results.claims.base import Claim, Effect, Evidence, NotMeasuredError

CLAIM = Claim(
    surveys=("li",),
    sentence="HGAN raises diversity.",
    measured="To be measured: coverage and recall against DCGAN.",
    rule="To be stated before the first run.",
    lacks="no HGAN row yet: the survey cites no source for it, and a reading of it has to be chosen first",
)


def effects(evidence: Evidence) -> list[Effect]:
    raise NotMeasuredError(CLAIM.lacks)
