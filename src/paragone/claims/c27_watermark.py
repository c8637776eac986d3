"""C27: not yet measured; what it would take stands below."""

from paragone.claims.base import Claim, Effect, Evidence, NotMeasuredError

CLAIM = Claim(
    surveys=("hu",),
    sentence="An invisible watermark put in at generation can be traced afterwards.",
    measured="To be measured: share of samples whose mark is read after JPEG, resizing, cropping and noise.",
    rule="To be stated before the first run.",
    lacks="no study of watermarks yet",
)


def judge(evidence: Evidence) -> list[Effect]:
    raise NotMeasuredError(CLAIM.lacks)
