"""C22: what a latent diffusion model saves over one on pixels of equal quality, and what detail it loses."""

from paragone.evaluation import intervals
from paragone.evaluation.intervals import Interval
from paragone.results import measures, sharpness
from paragone.results.claims.base import Claim, Effect, Evidence, Json, at_least, below, distances, in_part, slower

PIXELS, LATENTS, FIRST_STAGE = "ddpm", "ldm", "kl_autoencoder"
EQUAL = 1.1  # times the distance on pixels
SAVED = 1.96  # "96 % more efficient"; read as a saving of 96 % it would be 25 times

CLAIM = Claim(
    surveys=("hu",),
    sentence="LDM is 96 % more efficient than pixel-space diffusion, at a loss of fine detail.",
    measured="Is the quality equal: Frechet distance of LDM's samples over that of the pixel DDPM's, every feature "
    "space; without that, costs do not compare. Efficiency: seconds of training, DDPM's over LDM's, once without and "
    "once with the first stage's; time to a batch and multiply-accumulates an image, DDPM's over LDM's, the decoder "
    "counted. Detail: by what factor LDM's sharpness differs from that of real test images, over DDPM's factor. The "
    "first stage's PSNR, noted beside it, is the ceiling of what LDM can draw.",
    rule="Equal quality: below 1.1 times, the whole interval; contradicted where all of it lies above. Efficiency: "
    "at least 1.96 times, within 1/1.1 to 1.1 no effect. Detail lost: at least 1.1 times, within 1/1.1 to 1.1 no "
    "effect.",
    rows=(PIXELS, FIRST_STAGE, LATENTS),
    studies=("sharpness", "sampling_time"),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for d in evidence.datasets(*CLAIM.rows):
        result += in_part("equal quality", distances(evidence, d, LATENTS, PIXELS, below(EQUAL)))
        result += in_part("efficiency", [_training(evidence, d, *of) for of in _COUNTED])
        lost = sharpness.departure(evidence, d, LATENTS, PIXELS, at_least(1.1))
        (ceiling,) = evidence.figures(d, (FIRST_STAGE,), measures.PSNR)
        note = f"the first stage's PSNR is {sum(ceiling) / len(ceiling):.1f} dB"
        result += in_part("detail", [lost._replace(note="; ".join(filter(None, [note, lost.note])))])
    for d, (slow, fast) in evidence.timed(PIXELS, LATENTS):
        result += in_part("efficiency", _sampling(evidence, d, slow, fast))
    return result


_SAID = at_least(SAVED, equal=1.1)
_COUNTED = ((measures.SECONDS, "without the first stage"), (measures.SECONDS_WITH_PARENTS, "with it"))


def _training(evidence: Evidence, dataset: str, column: str, counted: str) -> Effect:
    (pixels,) = evidence.figures(dataset, (PIXELS,), column)
    (latents,) = evidence.figures(dataset, (LATENTS,), column)
    n = min(len(pixels), len(latents))
    what = f"Seconds of training of {evidence.name(PIXELS)} over those of {evidence.name(LATENTS)} ({counted})"
    size = intervals.ratio(pixels[:n], latents[:n])
    return Effect(f"{what}, {evidence.title(dataset)}", "times", size, _SAID)


def _sampling(evidence: Evidence, dataset: str, slow: Json, fast: Json) -> list[Effect]:
    of = f"{evidence.name(PIXELS)} over that of {evidence.name(LATENTS)}, {evidence.title(dataset)}"
    macs = slow["macs"] / fast["macs"]
    return [
        Effect(f"Time to a batch of {slow['n']} of {of}", "times", slower(slow, fast, "batch"), _SAID, "rounds"),
        Effect(f"Multiply-accumulates an image of {of}", "times", Interval(macs, macs, macs, 1), _SAID, "count"),
    ]
