"""C15: DCGAN's latency. How often it collapses is measured on many modes and seeds (profile `stability`)."""

from paragone import intervals
from paragone.claims.base import Claim, Effect, Evidence, decide_below

CLAIM = Claim(
    surveys=("hu",),
    sentence="DCGAN samples in milliseconds.",
    measured="Time to draw one image, on the hardware that the study states (processor time on one CPU thread, wall "
    "time on a GPU). The sentence's second half (it collapses in more than 30 % of cases) needs many seeds: see C06 "
    "and the profile `stability`.",
    rule="Supported where the interval over rounds lies below 10 ms; contradicted where it lies above.",
    rows=("dcgan",),
    studies=("sampling_time",),
)


def judge(evidence: Evidence) -> list[Effect]:
    effects = []
    for d, (timed,) in evidence.timed("dcgan"):
        size = intervals.mean([1000 * taken[timed["clock"]] for taken in timed["first"]])
        what = f"Time to the first image of {evidence.name('dcgan')}, {evidence.title(d)}"
        effects.append(Effect(what, "ms", size, 10, 10, decide_below(size, 10), "rounds"))
    return effects
