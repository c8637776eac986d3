"""C26: how many trainings of each family collapse or diverge, at several learning rates."""

from paragone.results import benchmark, crashes
from paragone.results.claims.base import Claim, Effect, Evidence, at_least, below, in_part

GANS = ("gan", "dcgan", "wgan", "wgan_gp", "lsgan")
DIFFUSION = ("ddpm", "improved_cosine")
GAMES = ("minimax", "non_saturating", "least_squares", "clipping", "penalty")  # of the collapse benchmark

CLAIM = Claim(
    surveys=("hu",),
    sentence="Diffusion training is stable; GAN training is not.",
    measured="Where GANs can collapse: of the trials of the collapse benchmark that learned or diverged (the study "
    "`collapse`: small networks, several learning rates, the same for all), the share that miss a tenth of the modes "
    "or diverge, of five papers' adversarial losses and of diffusion, and the difference. In images: share of runs "
    "that learned or diverged which collapsed or diverged (as `evaluation.stability` defines it, from the samples of "
    "each run), of five GANs and of two diffusion models, on every data set of the profile; the difference only "
    "where a GAN crashed, without undertrained runs and with these as crashes.",
    rule="At least a tenth of the GANs' trials crash, Wilson's interval above 2 % (contradicted where all of it lies "
    "below); fewer than 5 % of diffusion's do, the whole interval; and GANs crash more often by at least 10 points, "
    "in trials and in runs; within 10 no effect.",
    rows=(*GANS, *DIFFUSION),
    studies=("collapse",),
)


def effects(evidence: Evidence) -> list[Effect]:
    gans, diffusion = benchmark.count(evidence, GAMES), benchmark.count(evidence, ("diffusion",))
    unstable = at_least(0.1, neutral=0.02)._replace(equal=None)
    difference = benchmark.fewer(evidence, ("diffusion",), GAMES, 0.1)
    return [
        Effect(
            "Trials of adversarial losses that collapse or diverge",
            "%",
            gans.share,
            unstable,
            "trials",
            gans.note,
            "GANs",
        ),
        Effect(
            "Trials of diffusion that collapse or diverge",
            "%",
            diffusion.share,
            below(0.05),
            "trials",
            diffusion.note,
            "diffusion",
        ),
        *in_part("difference", [difference, *crashes.fewer(evidence, DIFFUSION, GANS, 0.1)]),
    ]
