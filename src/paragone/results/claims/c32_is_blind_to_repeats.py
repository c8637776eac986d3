"""C32: the Inception Score of a few real images, repeated."""

from paragone.evaluation import intervals
from paragone.results.claims.base import Claim, Effect, Evidence, at_least, below

CLAIM = Claim(
    surveys=("zhao",),
    sentence="IS rewards low-diversity samples and cannot see the distance to the real data.",
    measured="A few real images per class, repeated, against equally many different ones: Inception Score (by the "
    "data set's classifier) of the different ones over that of the repeated ones, and the inverse ratio for the "
    "Frechet distance.",
    rule="Supported where the score of the different ones is less than 1.05 times that of the repeated ones while "
    "the repeated ones' Frechet distance is at least twice as large; intervals over draws on that side.",
    studies=("blind_scores",),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for dataset, found in evidence.study("blind_scores")["datasets"].items():
        real, repeated = found["sets"]["real"], found["sets"]["repeated"]
        title = evidence.title(dataset)
        score = intervals.ratio([f["is"] for f in real], [f["is"] for f in repeated])
        what = f"IS-clf of different real images over that of repeated ones, {title}"
        result.append(Effect(what, "times", score, below(1.05), "draws"))
        fd = intervals.ratio([f["fd"] for f in repeated], [f["fd"] for f in real])
        what = f"FD-clf of repeated real images over that of different ones, {title}"
        result.append(Effect(what, "times", fd, at_least(2.0, equal=1.1), "draws"))
    return result
