"""C21: what the cosine schedule and the learned variance buy."""

from paragone.results.claims.base import Claim, Effect, Evidence, points, times

CLAIM = Claim(
    surveys=("hu",),
    sentence="Improved DDPM's schedule and learned variance help (likelihood, fewer steps).",
    measured="Bound on the negative log-likelihood of test images (bits per dimension) of DDPM less that of Improved "
    "DDPM, and Frechet distance of DDPM's samples over that of Improved DDPM's.",
    rule="Supported where the bound is lower by at least 0.02 bits per dimension and the distance at least 1.1 "
    "times as large, with intervals over seeds above 0 and 1; contradicted where they lie below 0.02 and 1.1.",
    rows=("ddpm", "improved_ddpm"),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for d in evidence.datasets(*CLAIM.rows):
        result.append(points(evidence, d, "metrics.bits_per_dimension", "Bound", "ddpm", "improved_ddpm", 0.02))
        result += [
            times(evidence, d, column, label, "ddpm", "improved_ddpm", 1.1) for label, column in evidence.distances(d)
        ]
    return result
