"""C33: SSIM sees a blur, and not that images repeat."""

from paragone import intervals
from paragone.claims.base import Claim, Effect, Evidence, decide

CLAIM = Claim(
    surveys=("zhao",),
    sentence="SSIM-like scores see detail but miss diversity.",
    measured="Mean SSIM of an image to the most alike training image: of real test images less that of the same "
    "blurred, and of a few of them repeated less that of the different ones.",
    rule="Supported where blurring costs at least 0.02 and repeating costs less than 0.02 of it, with the "
    "intervals over draws on that side; contradicted where they lie on the other.",
    studies=("blind_scores",),
)


def judge(evidence: Evidence) -> list[Effect]:
    effects = []
    for dataset, found in evidence.study("blind_scores")["datasets"].items():
        real, repeated, blurred = ([f["ssim"] for f in found["sets"][s]] for s in ("real", "repeated", "blurred"))
        title = evidence.title(dataset)
        detail = intervals.difference(real, blurred)
        what = f"SSIM of real images less that of blurred ones, {title}"
        effects.append(Effect(what, "", detail, 0.0, 0.02, decide(detail, 0.0, 0.02), "draws"))
        kept = intervals.difference(repeated, real)
        what = f"SSIM of repeated real images less that of different ones, {title}"
        effects.append(Effect(what, "", kept, -0.02, -0.02, decide(kept, -0.02, -0.02), "draws"))
    return effects
