"""C04: not yet measured; what it would take is below."""

from paragone.results.claims.base import Claim, Effect, Evidence, NotMeasuredError

CLAIM = Claim(
    surveys=("li",),
    sentence="HGAN raises diversity.",
    measured="To be measured: coverage and recall against DCGAN.",
    rule="To be stated before the first run.",
    lacks="no rule yet: HGAN's row, an interpretation since the survey cites no source, has run in no "
    "profile but systems",
)


def effects(evidence: Evidence) -> list[Effect]:
    raise NotMeasuredError(CLAIM.lacks)
