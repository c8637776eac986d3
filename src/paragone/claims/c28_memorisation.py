"""C28: how near samples come to training images, for one model of each family."""

from paragone import intervals
from paragone.claims.base import Claim, Effect, Evidence, decide_below

ROWS = ("vae", "dcgan", "ddpm")
COLUMN = "metrics.nearest_train.ratio"

CLAIM = Claim(
    surveys=("hu",),
    sentence="Generators leak their training data: memorisation can be measured for VAEs, GANs and diffusion models.",
    measured="Median distance from a sample to the nearest training image, over that of unseen real test images. "
    "Smooth images are near everything in pixel space, so read it with the walls.",
    rule="Supported (leaks) where the interval over seeds lies below 0.8: samples are nearer to the training set "
    "than unseen data by a fifth; contradicted where it lies above.",
    rows=ROWS,
)


def judge(evidence: Evidence) -> list[Effect]:
    effects = []
    for d in evidence.datasets(*ROWS):
        for row in ROWS:
            (figures,) = evidence.figures(d, (row,), COLUMN)
            size = intervals.mean(figures)
            what = f"Nearest-training-image distance of {evidence.name(row)}, unseen data = 1, {evidence.title(d)}"
            effects.append(Effect(what, "times", size, 1.0, 0.8, decide_below(size, 0.8)))
    return effects
