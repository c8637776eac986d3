"""C13: not yet measured; what it would take stands below."""

from paragone.claims.base import Claim, Effect, Evidence, NotMeasuredError

CLAIM = Claim(
    surveys=("li",),
    sentence="Adversarial training, dropout or batch norm make image models more resilient to adversarial samples.",
    measured="To be measured: accuracy of encoders and discriminators under attack, with and without each.",
    rule="To be stated before the first run.",
    lacks="no study of attacks yet",
)


def judge(evidence: Evidence) -> list[Effect]:
    raise NotMeasuredError(CLAIM.lacks)
