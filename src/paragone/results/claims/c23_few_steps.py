"""C23: fewer steps of the same network by DDIM, against as many plain strided steps; and by distillation."""

from paragone.results import curves
from paragone.results.claims.base import Claim, Effect, Evidence, at_least, below, in_part, slower

STEPS = (5, 10, 25)
KEPT = 1.25  # times the distance of all steps
DISTILLED = (1, 2, 4)

CLAIM = Claim(
    surveys=("hu",),
    sentence="Non-Markovian sampling (DDIM) and distillation keep the quality in far fewer steps.",
    measured="One DDPM's weights. Does it keep the quality: Frechet distance of DDIM's samples in 25 steps over that "
    "of DDPM's in all of its steps. Is that non-Markovian sampling's doing: distance of as many plain strided steps "
    "over that of DDIM's, at 5, 10 and 25. Is it faster: time to a batch, DDPM's over DDIM's, in turn in one "
    "process. Distillation: distance of a consistency model's samples in 1, 2 and 4 steps over that of its teacher's "
    "in all of its own. In every feature space; the whole curves are in the study `sampling_curve`.",
    rule="Quality kept: below 1.25 times, the whole interval; contradicted where all of it lies above. Better than "
    "strided: at least 1.1 times, within 1/1.1 to 1.1 no effect. Faster: at least 3 times.",
    rows=("ddpm", "ddim", "edm", "consistency"),
    studies=("sampling_curve", "sampling_time"),
)


def effects(evidence: Evidence) -> list[Effect]:
    kept = curves.distances(evidence, ("ddim", max(STEPS)), ("ddpm", None), below(KEPT))
    better = [e for k in STEPS for e in curves.distances(evidence, ("ddpm", k), ("ddim", k), at_least(1.1))]
    distilled = [
        e for k in DISTILLED for e in curves.distances(evidence, ("consistency", k), ("edm", None), below(KEPT))
    ]
    faster = []
    for d, (slow, fast) in evidence.timed("ddpm", "ddim"):
        what = (
            f"Time to a batch of {slow['n']} of {evidence.name('ddpm')} ({slow['passes']} steps) over that of "
            f"{evidence.name('ddim')} ({fast['passes']}), {evidence.title(d)}"
        )
        faster.append(Effect(what, "times", slower(slow, fast, "batch"), at_least(3.0, equal=1.1), "rounds"))
    return [
        *in_part("DDIM keeps the quality", [*kept, *faster]),
        *in_part("DDIM against strided", better),
        *in_part("distillation", distilled),
    ]
