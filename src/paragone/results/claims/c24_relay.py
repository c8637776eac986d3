"""C24: a GAN composes, a few diffusion steps refine: against both parents, and against as many steps alone."""

from paragone.evaluation import intervals
from paragone.results import curves
from paragone.results.claims.base import Claim, Effect, Evidence, at_least, below, in_part, slower

STEPS = 5
KEPT = 1.25  # times the distance of diffusion
NEAR_REAL_TIME = 100.0  # ms to an image

CLAIM = Claim(
    surveys=("hu",),
    sentence="A GAN-diffusion relay gives diffusion quality at near real time.",
    measured="DCGAN's images, noised to half of DDPM's time and refined in 5 of its steps. Quality: Frechet distance "
    "of the relay's samples over that of DDPM's in all steps; and, since a GAN must add something, that of DDIM's in "
    "as many steps over the relay's, and that of DCGAN's over the relay's. In every feature space. Time: to the "
    "first image; and DDPM's to a batch over the relay's, in turn in one process. Curves over the relay's starts and "
    "steps are in the study `sampling_curve`.",
    rule="Diffusion quality: below 1.25 times, the whole interval; contradicted where all of it lies above. Better "
    "than DDIM and than DCGAN: at least 1.1 times, within 1/1.1 to 1.1 no effect. Near real time: below 100 ms, and "
    "at least 10 times faster than DDPM.",
    rows=("dcgan", "ddpm", "ddim", "relay"),
    studies=("sampling_curve", "sampling_time"),
)


def effects(evidence: Evidence) -> list[Effect]:
    relay = ("relay", STEPS)
    quality = curves.distances(evidence, relay, ("ddpm", None), below(KEPT))
    adds = [
        e
        for other in (("ddim", STEPS), ("dcgan", None))
        for e in curves.distances(evidence, other, relay, at_least(1.1))
    ]
    return [*in_part("quality", quality), *in_part("what the GAN adds", adds), *in_part("time", _times(evidence))]


def _times(evidence: Evidence) -> list[Effect]:
    result = []
    for d, (ddpm, relay) in evidence.timed("ddpm", "relay"):
        first = intervals.mean([1000 * taken[relay["clock"]] for taken in relay["first"]])
        what = f"Time to the first image of {evidence.name('relay')}, {evidence.title(d)}"
        result.append(Effect(what, "ms", first, below(NEAR_REAL_TIME), "rounds"))
        what = f"Time to a batch of {ddpm['n']} of {evidence.name('ddpm')} over that of {evidence.name('relay')}"
        size = slower(ddpm, relay, "batch")
        result.append(Effect(f"{what}, {evidence.title(d)}", "times", size, at_least(10.0, equal=1.5), "rounds"))
    return result
