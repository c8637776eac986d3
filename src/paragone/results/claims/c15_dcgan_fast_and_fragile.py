"""C15: DCGAN's latency, and how often its training crashes."""

from paragone.evaluation import intervals
from paragone.results import crashes
from paragone.results.claims.base import Claim, Effect, Evidence, decide_below

CLAIM = Claim(
    surveys=("hu",),
    sentence="DCGAN samples in milliseconds, and its crash (mode collapse) rate exceeds 30 %.",
    measured="Time to draw one image, on the hardware that the study states (processor time on one CPU thread, wall "
    "time on a GPU). Share of runs that learned, on every data set of the profile, that collapse or diverge as "
    "`evaluation.stability` defines it; on stacked MNIST also where 10,000 samples lack at least a tenth of the 1,000 "
    "modes.",
    rule="Supported where the interval over rounds lies below 10 ms, and Wilson's interval over runs above 30 %; "
    "contradicted where they lie on the other side; mixed where the halves differ.",
    rows=("dcgan",),
    studies=("sampling_time", "mode_coverage"),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for d, (timed,) in evidence.timed("dcgan"):
        size = intervals.mean([1000 * taken[timed["clock"]] for taken in timed["first"]])
        what = f"Time to the first image of {evidence.name('dcgan')}, {evidence.title(d)}"
        result.append(Effect(what, "ms", size, 10, 10, decide_below(size, 10), "rounds"))
    return [*result, crashes.exceeds(evidence, "dcgan", 0.3, crashes.short_of_modes(evidence, "dcgan"))]
