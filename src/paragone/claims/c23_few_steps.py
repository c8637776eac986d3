"""C23: fewer steps of the same network (DDIM). Distillation is not measured: there is no consistency model yet."""

from paragone.claims.base import Claim, Effect, Evidence, below, times

CLAIM = Claim(
    surveys=("hu",),
    sentence="Non-Markovian sampling (DDIM) keeps the quality in far fewer steps.",
    measured="Frechet distance of DDIM's samples over that of DDPM's, the same weights; and how many times faster DDIM "
    "draws. The sentence's other half, distillation, has no row yet.",
    rule="Supported where DDIM's distance stays below 1.25 times DDPM's and it draws at least 3 times faster, the "
    "whole interval over seeds on that side; contradicted where it lies on the other.",
    rows=("ddpm", "ddim"),
)


def judge(evidence: Evidence) -> list[Effect]:
    effects = []
    for d in evidence.datasets(*CLAIM.rows):
        effects += [below(evidence, d, column, label, "ddim", "ddpm", 1.25) for label, column in evidence.distances(d)]
        effects.append(times(evidence, d, "sampling.images_per_second", "Throughput", "ddim", "ddpm", 3))
    return effects
