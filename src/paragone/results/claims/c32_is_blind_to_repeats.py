"""C32: the Inception Score of a few real images repeated, of half of the classes, and of images of another domain."""

from paragone.evaluation import intervals
from paragone.evaluation.intervals import Interval
from paragone.results.claims.base import Claim, Effect, Evidence, Json, NotMeasuredError, below

SETS = {
    "repeated": ("repeats", "repeated ones"),
    "dropped": ("dropped classes", "those of half of the classes"),
    "foreign": ("another domain", "images of another domain"),
}
BLIND = 1.05  # times: a score that falls by less does not see what a set lacks
FAR = 2.0  # times the Frechet distance: a set that is surely worse

CLAIM = Claim(
    surveys=("zhao",),
    sentence="IS rewards low-diversity samples and cannot see the distance to the real data.",
    measured="Inception Score (by the data set's classifier) of different real images over that of as many that lack "
    "something: a few per class, repeated; half of the classes; images of another data set of the profile. A set "
    "counts where its Frechet distance is surely larger, at least twice, so that there is something to see; the ratio "
    "is noted.",
    rule="IS is blind where its ratio is below 1.05, the whole interval over draws; contradicted where all of it lies "
    "above. Each of the three has a verdict.",
    studies=("blind_scores",),
)


def effects(evidence: Evidence) -> list[Effect]:
    result, why = [], []
    for dataset, found in evidence.study("blind_scores")["datasets"].items():
        title, real = evidence.title(dataset), found["sets"]["real"]
        for name, (part, words) in SETS.items():
            if name not in found["sets"]:
                continue
            lacking = found["sets"][name]
            farther = _times(lacking, real, "fd")
            if farther.low <= 1 or farther.value < FAR:
                why.append(f"{dataset}: FD-clf of {words} is {farther.value:.3g} times that of different ones")
                continue
            what = f"IS-clf of different real images over that of {words}, {title}"
            note = f"FD-clf of these is {farther.value:.3g} times as large"
            result.append(Effect(what, "times", _times(real, lacking, "is"), below(BLIND), "draws", note, part))
    if not result:
        raise NotMeasuredError(f"study 'blind_scores' has no set that is surely worse: {'; '.join(why)}")
    return result


def _times(above: list[Json], under: list[Json], key: str) -> Interval:
    return intervals.ratio([f[key] for f in above], [f[key] for f in under])
