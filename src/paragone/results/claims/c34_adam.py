"""C34: one network, one budget, three optimisers."""

from paragone.results.claims.base import Claim, Effect, Evidence, times

ADAM = "dcgan_adam"
OTHERS = ("dcgan_rmsprop", "dcgan_sgd")

CLAIM = Claim(
    surveys=("zhao",),
    sentence="Adam makes GAN training faster and more stable than the alternatives.",
    measured="Frechet distance of DCGAN's samples when trained by RMSprop and by SGD with momentum, over that when "
    "trained by Adam, at the same budget; each at the learning rate that its row states, found by a short search.",
    rule="Supported where the others' distance is at least 1.1 times Adam's and the interval over seeds lies above "
    "1; contradicted where the interval lies below 1.1.",
    rows=(ADAM, *OTHERS),
)


def effects(evidence: Evidence) -> list[Effect]:
    return [
        times(evidence, d, column, label, other, ADAM, 1.1)
        for d in evidence.datasets(*CLAIM.rows)
        for label, column in evidence.distances(d)
        for other in OTHERS
    ]
