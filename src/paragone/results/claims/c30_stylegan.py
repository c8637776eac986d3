"""C30: StyleGAN against ProGAN: quality after equally many images and at equal compute, how smooth its paths are, and
how linear and how disentangled the factors are in the latent."""

from paragone.evaluation import intervals
from paragone.results import measures
from paragone.results.claims.base import (
    SEEDS,
    Bounds,
    Claim,
    Effect,
    Evidence,
    Json,
    NotMeasuredError,
    at_least,
    distances,
    in_part,
)

BEFORE, AFTER = "progan", "stylegan"
LONGER = "progan_longer"  # ProGAN, trained until it has taken as many multiply-accumulates as StyleGAN
COMPUTE = 52.58 / 46.06  # millions of them an image, over both trainings: how many times more images that makes
SEPARATES = at_least(0.1, neutral=0.0, equal=0.05)
DISENTANGLES = at_least(0.05, neutral=0.0, equal=0.025)
SMOOTH = at_least(1.1)

CLAIM = Claim(
    surveys=("zhao",),
    sentence="StyleGAN improves on ProGAN in quality and separates the factors of an image.",
    measured="On few-shapes, an easy drawn set, at 32 px. Quality: Frechet distance of ProGAN's samples over that of "
    "StyleGAN's, in every feature space, after equally many images. Compute: the same of a ProGAN that is trained for "
    "longer, until it has taken as many multiply-accumulates as StyleGAN. Paths: perceptual path length (Karras et "
    "al. 2019, in features of the study's network, not LPIPS) of ProGAN's z over that of StyleGAN's w, and of its own "
    "z over its w, anywhere on the path and at its beginning. Separates: how well a linear function of the latent "
    "tells the factors of the image that it makes (0: not at all, 1: perfectly), of StyleGAN's w less that of "
    "ProGAN's z, and less that of StyleGAN's own z. Disentangles: the DCI score of single latents, likewise.",
    rule="Quality, compute and paths: at least 1.1 times, within 1/1.1 to 1.1 no effect. Separates: larger by at least "
    "0.1, within 0.05 no effect. Disentangles: larger by at least 0.05, within 0.025 no effect. A verdict for each.",
    rows=(BEFORE, LONGER, AFTER),
    studies=("separability", "path_length"),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for d in evidence.datasets(*CLAIM.rows):
        evidence.require_equal(d, (BEFORE, AFTER), measures.IMAGES, "training images")
        result += in_part("quality", distances(evidence, d, BEFORE, AFTER, at_least(1.1)))
        result += in_part("compute", _at_equal_compute(evidence, d))
        result += _paths(evidence, d)
        result += _scores(evidence, d, "score", "Factors told linearly by", SEPARATES, "separates")
        result += _scores(evidence, d, "dci", "DCI score of", DISENTANGLES, "disentangles")
    return result


def _at_equal_compute(evidence: Evidence, dataset: str) -> list[Effect]:
    """The distances, ProGAN trained for longer. Raises NotMeasuredError unless it has seen as many more images as make
    the compute equal."""
    (longer, *_), (shorter, *_) = evidence.figures(dataset, (LONGER, AFTER), measures.IMAGES)
    if abs(longer / shorter / COMPUTE - 1) > 0.01:
        raise NotMeasuredError(
            f"{dataset}: '{LONGER}' saw {longer / shorter:.3f} times as many images as '{AFTER}'; equal compute is "
            f"{COMPUTE:.3f} times as many"
        )
    return distances(evidence, dataset, LONGER, AFTER, at_least(1.1))


def _paths(evidence: Evidence, dataset: str) -> list[Effect]:
    """How many times longer the other paths are than those in StyleGAN's w."""
    result = []
    for sampling, where in (("full", "anywhere"), ("end", "at the beginning")):
        of = f"Path length ({where})"
        for other, name, w in _pairs(evidence, "path_length", dataset, sampling):
            what = f"{of} in {name} over that in {evidence.name(AFTER)}'s w, {evidence.title(dataset)}"
            result.append(Effect(what, "times", intervals.ratio(other, w), SMOOTH, part="paths"))
    return result


def _scores(evidence: Evidence, dataset: str, key: str, of: str, bounds: Bounds, part: str) -> list[Effect]:
    """By how much a score of StyleGAN's w is larger than that of the others."""
    result = []
    for other, name, w in _pairs(evidence, "separability", dataset, key):
        what = f"{of} {evidence.name(AFTER)}'s w less {name}, {evidence.title(dataset)}"
        result.append(Effect(what, "", intervals.difference(w, other), bounds, part=part))
    return result


def _pairs(evidence: Evidence, study: str, dataset: str, key: str) -> list[tuple[list[float], str, list[float]]]:
    """A study's figures of ProGAN's z and of StyleGAN's z, what they are called, and those of StyleGAN's w, each by the
    seeds that both have. Raises NotMeasuredError where there are too few."""
    found = evidence.study(study)["datasets"].get(dataset)
    if found is None:
        raise NotMeasuredError(f"study '{study}' has nothing of {dataset}")
    w, own, before = (_by_seed(found, row, space, key) for row, space in ((AFTER, "w"), (AFTER, "z"), (BEFORE, "z")))
    result = []
    for other, name in ((before, f"{evidence.name(BEFORE)}'s z"), (own, "its own z")):
        shared = sorted(w.keys() & other.keys())
        if len(shared) < SEEDS:
            raise NotMeasuredError(f"study '{study}' has {len(shared)} seeds of both on {dataset}; it takes {SEEDS}")
        result.append(([other[s] for s in shared], name, [w[s] for s in shared]))
    return result


def _by_seed(found: Json, row: str, space: str, key: str) -> dict[int, float]:
    runs = (run for run in found["rows"].get(row, []) if run[space] is not None)
    return {run["seed"]: run[space][key] for run in runs if run[space].get(key) is not None}
