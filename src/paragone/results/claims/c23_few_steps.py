"""C23: fewer steps of the same network (DDIM). Distillation is not measured: there is no consistency model yet."""

from paragone.results.claims.base import Claim, Effect, Evidence, below, decide, slower

CLAIM = Claim(
    surveys=("hu",),
    sentence="Non-Markovian sampling (DDIM) keeps the quality in far fewer steps.",
    measured="Frechet distance of DDIM's samples over that of DDPM's, the same weights, paired by seed; and how many "
    "times faster DDIM draws a batch, in turn with DDPM in one process. The sentence's other half, distillation, is "
    "left out so far.",
    rule="Supported where DDIM's distance stays below 1.25 times DDPM's and it draws at least 3 times faster, the "
    "whole interval (over seeds; of times, over rounds) on that side; contradicted where it lies on the other.",
    rows=("ddpm", "ddim"),
    studies=("sampling_time",),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for d in evidence.datasets(*CLAIM.rows):
        result += [below(evidence, d, column, label, "ddim", "ddpm", 1.25) for label, column in evidence.distances(d)]
    for d, (slow, fast) in evidence.timed("ddpm", "ddim"):
        size = slower(slow, fast, "batch")
        what = (
            f"Time to a batch of {slow['n']} of {evidence.name('ddpm')} ({slow['passes']} steps) over that of "
            f"{evidence.name('ddim')} ({fast['passes']}), {evidence.title(d)}"
        )
        result.append(Effect(what, "times", size, 1.0, 3.0, decide(size, 1.0, 3.0), "rounds"))
    return result
