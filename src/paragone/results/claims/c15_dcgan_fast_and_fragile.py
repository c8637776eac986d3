"""C15: DCGAN's latency, and how often its training crashes."""

from paragone.evaluation import intervals
from paragone.results import benchmark, crashes
from paragone.results.claims.base import Claim, Effect, Evidence, above, below, in_part

SHARE = 0.3
LOSS = "non_saturating"  # DCGAN's, in the collapse benchmark

CLAIM = Claim(
    surveys=("hu",),
    sentence="DCGAN samples in milliseconds, and its crash (mode collapse) rate exceeds 30 %.",
    measured="Time to draw one image, on the hardware that the study states (processor time on one CPU thread, wall "
    "time on a GPU). Crashes, where this loss can collapse: of the trials of the collapse benchmark that learned or "
    "diverged (the study `collapse`: small networks with DCGAN's loss, at several learning rates), the share that "
    "miss at least a tenth of the modes or diverge. And crashes in images, at a learning rate that was tuned: share "
    "of the row's runs that learned, on every data set of the profile, that collapse or diverge as "
    "`evaluation.stability` defines it; and the same with undertrained runs as crashes.",
    rule="Below 10 ms, the whole interval over rounds; more than 30 %, the whole of Wilson's interval over trials "
    "and over runs; contradicted where all of it lies on the other side.",
    rows=("dcgan",),
    studies=("sampling_time", "collapse"),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for d, (timed,) in evidence.timed("dcgan"):
        size = intervals.mean([1000 * taken[timed["clock"]] for taken in timed["first"]])
        what = f"Time to the first image of {evidence.name('dcgan')}, {evidence.title(d)}"
        result.append(Effect(what, "ms", size, below(10), "rounds", part="milliseconds"))
    trials = benchmark.count(evidence, (LOSS,))
    what = "Trials with DCGAN's loss that collapse or diverge"
    result.append(Effect(what, "%", trials.share, above(SHARE), "trials", trials.note, "crashes"))
    return [*result, *in_part("crashes", crashes.exceeds(evidence, ("dcgan",), SHARE))]
