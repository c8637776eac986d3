"""C05: what becomes of the generator's gradient as the discriminator gets better, and whether training settles."""

import statistics
from collections.abc import Callable

from paragone.evaluation import intervals
from paragone.results import benchmark, measures
from paragone.results.claims.base import (
    SEEDS,
    Claim,
    Effect,
    Evidence,
    Json,
    NotMeasuredError,
    at_least,
    in_part,
    times,
)

SMALLEST = 1.2e-38  # of float32's normal numbers: a norm below counts as that
REMEDIES = {"least_squares": "least squares", "penalty": "the gradient penalty"}
GATE = 3.0  # the original loss's own gradient must fall, or grow, by as much, the whole interval
SAID = at_least(3.0, equal=1.5)
SETTLES = at_least(1.1)
AGAINST = {"lsgan": ("dcgan",), "wgan_gp": ("dcgan", "dcgan_as_critics")}  # at equal images; at equal updates

CLAIM = Claim(
    surveys=("li",),
    sentence="Gradient penalty and LSGAN reduce vanishing or exploding gradients and make training converge.",
    measured="A DCGAN's generator is held fixed, before its training and after it, and a new discriminator trained "
    "against it (Arjovsky and Bottou 2017, figure 2). Vanishing: how far the norm of the generator's gradient falls, "
    "its largest over the median of the last tenth of the steps, under the minimax loss over that under least "
    "squares and the gradient penalty. Exploding: how much it grows, the median of the last tenth over that of the "
    "second, under the non-saturating loss over that under the same two. Each only for a generator whose gradient "
    "vanishes or explodes under the original loss: falls or grows by at least 3 times, the whole interval. "
    "Converging: in the collapse benchmark (the study `collapse`), of the trials under the non-saturating loss that "
    "learned or diverged, the share that miss a tenth of the modes or diverge, less that under each of the two; and "
    "in images, growth of the generator's gradient norm, which fades where a game settles (the median of its last "
    "tenth over that of its first), and its peakedness (95th percentile over median), of DCGAN, whose loss is the "
    "non-saturating one, over that of LSGAN and of WGAN-GP; of WGAN-GP after as many images, and after as many "
    "updates of the generator.",
    rule="Vanishing, exploding: the ratio at least 3, within 1/1.5 to 1.5 no effect. Converging: at least 1.1, "
    "within 1/1.1 to 1.1 no effect; crashes more by at least 10 points, within 10 no effect.",
    rows=("dcgan", "dcgan_as_critics", "lsgan", "wgan_gp"),
    studies=("gradients", "collapse"),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for d, found in evidence.study("gradients")["datasets"].items():
        for loss, measure, part in (("minimax", fall, "vanishing"), ("non_saturating", growth, "exploding")):
            for age in ("untrained", "trained"):
                curves = _curves(d, found, age)
                result += _against_remedies(curves, loss, measure, f"{age} generator's", part, evidence.title(d))
    settles = [benchmark.fewer(evidence, (remedy,), ("non_saturating",), 0.1) for remedy in REMEDIES]
    return [*result, *in_part("converging", settles), *_converging(evidence)]


def _against_remedies(
    curves: dict[str, dict[int, list[float]]],
    loss: str,
    measure: Callable[[list[float]], float],
    whose: str,
    part: str,
    title: str,
) -> list[Effect]:
    """The original loss's measure over that of each remedy; nothing where its own gradient stays as it is."""
    own = [measure(curves[loss][seed]) for seed in sorted(curves[loss])]
    if intervals.ratio(own, [1.0] * len(own)).low < GATE:
        return []
    word, original = measure.__name__.capitalize(), f"the {loss.replace('_', '-')} loss"
    result = []
    for remedy, name in REMEDIES.items():
        size = intervals.ratio(own, [measure(curves[remedy][seed]) for seed in sorted(curves[loss])])
        what = f"{word} of the {whose} gradient, {original} over {name}, {title}"
        result.append(Effect(what, "times", size, SAID, part=part))
    return result


def _converging(evidence: Evidence) -> list[Effect]:
    peak = "stability.peak.generator"
    evidence = evidence.with_column(peak, *measures.GRADIENT_PEAK)
    result = []
    for d in evidence.datasets(*CLAIM.rows):
        for remedy, originals in AGAINST.items():
            for original, column in zip(originals, (measures.IMAGES, measures.UPDATES), strict=False):
                evidence.require_equal(d, (original, remedy), column, "images or updates of the generator")
                for label, figure in (("Gradient growth", measures.GRADIENT_GROWTH), ("Gradient peakedness", peak)):
                    effect = times(evidence, d, figure, label, original, remedy, SETTLES)
                    result.append(effect._replace(part="converging"))
    return result


def fall(norms: list[float]) -> float:
    """The largest norm over the median of the last tenth."""
    tenth = len(norms) // 10
    return max(norms) / statistics.median(norms[-tenth:])


def growth(norms: list[float]) -> float:
    """The median of the last tenth over that of the second; the first is the discriminator's own start."""
    tenth = len(norms) // 10
    return statistics.median(norms[-tenth:]) / statistics.median(norms[tenth : 2 * tenth])


def _curves(dataset: str, found: Json, age: str) -> dict[str, dict[int, list[float]]]:
    """The norms under each loss by seed, without the point before the discriminator's first step."""
    curves = {
        loss: {c["seed"]: [max(norm, SMALLEST) for norm in c["norm"][1:]] for c in own}
        for loss, own in found["losses"][age].items()
    }
    seeds = min(len(own) for own in curves.values())
    if seeds < SEEDS:
        why = "; ".join(f"seed {seed} {reason}" for seed, reason in found["left_out"].items())
        raise NotMeasuredError(
            f"{dataset}: study 'gradients' has {seeds} {age} generators of at least {SEEDS} ({why or 'run more seeds'})"
        )
    return curves
