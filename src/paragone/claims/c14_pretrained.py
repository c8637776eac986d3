"""C14: not yet measured; what it would take stands below."""

from paragone.claims.base import Claim, Effect, Evidence, NotMeasuredError

CLAIM = Claim(
    surveys=("li",),
    sentence="Starting from a pre-trained model reduces early instability and mode collapse.",
    measured="To be measured: a GAN started from weights trained on another data set, against one from scratch.",
    rule="To be stated before the first run.",
    lacks="no model can start from the weights of another run of itself yet",
)


def judge(evidence: Evidence) -> list[Effect]:
    raise NotMeasuredError(CLAIM.lacks)
