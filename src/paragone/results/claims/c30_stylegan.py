"""C30: StyleGAN against ProGAN: quality after equally many images, and how linear the factors are in the latent."""

from paragone.evaluation import intervals
from paragone.results import measures
from paragone.results.claims.base import (
    SEEDS,
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
SEPARATES = at_least(0.1, neutral=0.0, equal=0.05)

CLAIM = Claim(
    surveys=("zhao",),
    sentence="StyleGAN improves on ProGAN in quality and separates the factors of an image.",
    measured="On drawn shapes at 32 px. Quality: Frechet distance of ProGAN's samples over that of StyleGAN's, in "
    "every feature space, after equally many images. Separates: how well a linear function of the latent tells the "
    "factors of the image that it makes (0: not at all, 1: perfectly), of StyleGAN's w less that of ProGAN's z, and "
    "less that of StyleGAN's own z.",
    rule="Quality: at least 1.1 times, within 1/1.1 to 1.1 no effect. Separates: larger by at least 0.1, within 0.05 "
    "no effect. A verdict for either.",
    rows=(BEFORE, AFTER),
    studies=("separability",),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for d in evidence.datasets(*CLAIM.rows):
        evidence.require_equal(d, CLAIM.rows, measures.IMAGES, "training images")
        result += in_part("quality", distances(evidence, d, BEFORE, AFTER, at_least(1.1)))
        found = evidence.study("separability")["datasets"].get(d)
        if found is None:
            raise NotMeasuredError(f"study 'separability' has nothing of {d}")
        w, own, before = (_scores(found, row, space) for row, space in ((AFTER, "w"), (AFTER, "z"), (BEFORE, "z")))
        for other, of in ((before, f"{evidence.name(BEFORE)}'s z"), (own, "its own z")):
            shared = sorted(w.keys() & other.keys())
            if len(shared) < SEEDS:
                raise NotMeasuredError(f"study 'separability' has {len(shared)} seeds of both on {d}; it takes {SEEDS}")
            size = intervals.difference([w[s] for s in shared], [other[s] for s in shared])
            what = f"Factors told linearly by {evidence.name(AFTER)}'s w less by {of}, {evidence.title(d)}"
            result.append(Effect(what, "", size, SEPARATES, part="separates"))
    return result


def _scores(found: Json, row: str, space: str) -> dict[int, float]:
    return {run["seed"]: run[space]["score"] for run in found["rows"].get(row, []) if run[space] is not None}
