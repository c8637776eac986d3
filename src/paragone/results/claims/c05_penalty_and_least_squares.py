"""C05: what becomes of the generator's gradient as the discriminator gets better, and how even it is in training."""

import statistics
from collections.abc import Callable

from paragone.evaluation import intervals
from paragone.results.claims.base import SEEDS, Claim, Effect, Evidence, Json, NotMeasuredError, decide, times

SMALLEST = 1.2e-38  # of float32's normal numbers: a norm below counts as that
REMEDIES = {"least_squares": "least squares", "penalty": "the gradient penalty"}

CLAIM = Claim(
    surveys=("li",),
    sentence="Gradient penalty and LSGAN reduce vanishing or exploding gradients and make training converge.",
    measured="A DCGAN's generator is held fixed, before its training and after it, and a new discriminator trained "
    "against it (Arjovsky and Bottou 2017, figure 2). Vanishing: how far the norm of the generator's gradient "
    "falls, its largest over the median of the last tenth of the steps, under the minimax loss over that under "
    "least squares and the gradient penalty. Exploding: how much it grows, the median of the last tenth over that "
    "of the second, under the non-saturating loss over that under the same two. And in the training of both "
    "networks: peakedness of the generator's gradient norm (its 95th percentile over its median) of DCGAN, whose "
    "loss is the non-saturating one, over that of WGAN-GP and of LSGAN.",
    rule="Supported where the original loss's fall and growth are at least 3 times the other's, its peakedness at "
    "least 1.1 times, and the interval over seeds lies above 1; contradicted where it lies below 3, or 1.1.",
    rows=("dcgan", "wgan_gp", "lsgan"),
    studies=("gradients",),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for d, found in evidence.study("gradients")["datasets"].items():
        for loss, measure, word in (("minimax", fall, "Fall"), ("non_saturating", growth, "Growth")):
            for age in ("untrained", "trained"):
                for remedy, name in REMEDIES.items():
                    size = intervals.ratio(*_figures(d, found, age, loss, remedy, measure))
                    original = f"the {loss.replace('_', '-')} loss"
                    what = f"{word} of the {age} generator's gradient, {original} over {name}, {evidence.title(d)}"
                    result.append(Effect(what, "times", size, 1.0, 3.0, decide(size, 1.0, 3.0)))
    evidence = evidence.with_column(
        "stability.peak.generator", "stability.grad_p95.generator", "stability.grad_median.generator"
    )
    return result + [
        times(evidence, d, "stability.peak.generator", "Gradient peakedness", "dcgan", other, 1.1)
        for d in evidence.datasets(*CLAIM.rows)
        for other in ("wgan_gp", "lsgan")
    ]


def fall(norms: list[float]) -> float:
    """The largest norm over the median of the last tenth."""
    tenth = len(norms) // 10
    return max(norms) / statistics.median(norms[-tenth:])


def growth(norms: list[float]) -> float:
    """The median of the last tenth over that of the second; the first is the discriminator's own start."""
    tenth = len(norms) // 10
    return statistics.median(norms[-tenth:]) / statistics.median(norms[tenth : 2 * tenth])


def _figures(
    dataset: str, found: Json, age: str, loss: str, remedy: str, measure: Callable[[list[float]], float]
) -> tuple[list[float], list[float]]:
    """A measure under both losses, seed by seed. The point before the discriminator's first step is left out."""
    curves = [{c["seed"]: c["norm"][1:] for c in found["losses"][age][name]} for name in (loss, remedy)]
    if len(curves[0]) < SEEDS:
        why = "; ".join(f"seed {seed} {reason}" for seed, reason in found["left_out"].items())
        raise NotMeasuredError(
            f"{dataset}: study 'gradients' has {len(curves[0])} {age} generators of at least {SEEDS} "
            f"({why or 'run more seeds'})"
        )
    a, b = ([measure([max(n, SMALLEST) for n in part[s]]) for s in sorted(curves[0])] for part in curves)
    return a, b
