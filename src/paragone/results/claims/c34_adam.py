"""C34: one network, one budget, three optimisers."""

from paragone.results.claims.base import Claim, Effect, Evidence, at_least, distances

ADAM = "dcgan_adam"
OTHERS = ("dcgan_rmsprop", "dcgan_sgd")

CLAIM = Claim(
    surveys=("zhao",),
    sentence="Adam makes GAN training faster and more stable than the alternatives.",
    measured="Frechet distance of DCGAN's samples when trained by RMSprop and by SGD with momentum, over that when "
    "trained by Adam, at the same budget, in every feature space; each at the learning rate that its row states, "
    "found by a search over equally many rates.",
    rule="The ratio at least 1.1, within 1/1.1 to 1.1 no effect.",
    rows=(ADAM, *OTHERS),
)


def effects(evidence: Evidence) -> list[Effect]:
    return [
        effect
        for d in evidence.datasets(*CLAIM.rows)
        for other in OTHERS
        for effect in distances(evidence, d, other, ADAM, at_least(1.1))
    ]
