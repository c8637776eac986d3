"""C31: what the number of samples does to a Frechet distance."""

from paragone.evaluation import intervals
from paragone.results.claims.base import Claim, Effect, Evidence, at_least

CLAIM = Claim(
    surveys=("zhao",),
    sentence="FID needs many samples to be reliable.",
    measured="Frechet distance of the smallest subsets over that of the largest ones, of the same samples and of "
    "real test images; subsets drawn afresh each time.",
    rule="Supported where the distance of the smallest subsets is at least 1.5 times that of the largest and the "
    "interval over draws lies above 1; contradicted where the interval lies below 1.5.",
    studies=("sample_size",),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for dataset, found in evidence.study("sample_size")["datasets"].items():
        for images, figures in found["figures"].items():
            sizes = sorted({f["n"] for f in figures})
            few, many = ([f["fd"] for f in figures if f["n"] == n] for n in (sizes[0], sizes[-1]))
            size = intervals.ratio(few, many)
            of = "real test images" if images == "real" else evidence.name(evidence.study("sample_size")["row"])
            what = f"FD-clf of {of}, {sizes[0]} images over {sizes[-1]}, {evidence.title(dataset)}"
            result.append(Effect(what, "times", size, at_least(1.5, equal=1.1), "draws"))
    return result
