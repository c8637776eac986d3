"""C14: a GAN that starts from the weights of another data set against one that starts from scratch."""

from paragone.evaluation import intervals
from paragone.results.claims.base import SEEDS, Claim, Effect, Evidence, Json, NotMeasuredError, at_least, in_part

TIMES = 1.1  # steadier, or more classes, that count
FEWER = 0.1  # of the runs
EARLY, COLLAPSE = "early instability", "mode collapse"

CLAIM = Claim(
    surveys=("li",),
    sentence="Starting from a pre-trained model reduces early instability and mode collapse.",
    measured="DCGAN on stacked MNIST, from scratch and from the weights that the same row reached on shapes. Early "
    "instability, over the first part of the budget: peaks of the generator's gradient norm (95th percentile over "
    "median) and oscillation of the discriminator's loss, from scratch over pre-trained; and, where a run diverges, "
    "the share of such runs. Mode collapse: how many of the 1,000 classes 1,000 samples show, pre-trained over from "
    "scratch, after that part, at the end, and at equal images in all: from scratch after as many more images as "
    "pre-training took.",
    rule="Instability: at least 1.1 times, within 1/1.1 to 1.1 no effect; divergence of at least 10 points fewer runs. "
    "Classes: at least 1.1 times as many, within 1/1.1 to 1.1 no effect. A verdict for either part; five seeds of "
    "which both arms finished.",
    studies=("pretraining",),
)


def effects(evidence: Evidence) -> list[Effect]:
    found = evidence.study("pretraining")
    scratch, pretrained = _pairs(found)
    where, early = f"{evidence.name(found['row'])}, {evidence.title(found['target'])}", found["early_kimg"]

    def times(what: str, above: list[float], below: list[float]) -> Effect:
        return Effect(f"{what}, {where}", "times", intervals.ratio(above, below), at_least(TIMES))

    over = f"in the first {early:g} kimg, from scratch over pre-trained"
    peaks, oscillation = ([_values(arm, key) for arm in (scratch, pretrained)] for key in ("peaks", "oscillation"))
    steadier = [
        times(f"Peaks of the generator's gradient norm {over}", *peaks),
        times(f"Oscillation of the discriminator's loss {over}", *oscillation),
        *_fewer_diverge(found, where),
    ]
    shown = [
        times(
            f"Classes shown after {kimg:g} kimg, pre-trained over from scratch",
            _classes(pretrained, kimg),
            _classes(scratch, kimg),
        )
        for kimg in (early, found["kimg"])
    ]
    whole = f"Classes shown, pre-trained after {found['kimg']:g} kimg over from scratch after as many images in all"
    shown.append(times(whole, _classes(pretrained, found["kimg"]), [_last(run) for run in scratch]))
    return [*in_part(EARLY, steadier), *in_part(COLLAPSE, shown)]


def _pairs(found: Json) -> list[list[Json]]:
    """The runs of both arms, of the seeds with which both finished. Raises NotMeasuredError for too few."""
    arms = [{run["seed"]: run for run in found["arms"][arm]} for arm in ("scratch", "pretrained")]
    shared = [seed for seed in arms[0] if all(arm.get(seed, {}).get("outcome") == "finished" for arm in arms)]
    if len(shared) < SEEDS:
        bad = [run for arm in arms for run in arm.values() if run["outcome"] != "finished"]
        why = f" (seed {bad[0]['seed']} diverged: {bad[0]['reason']})" if bad else ""
        raise NotMeasuredError(
            f"study 'pretraining' has {len(shared)} seeds of which both arms finished; it takes at least {SEEDS}{why}"
        )
    return [[arm[seed] for seed in shared] for arm in arms]


def _fewer_diverge(found: Json, where: str) -> list[Effect]:
    """By how much fewer pre-trained runs diverge; nothing where none does."""
    a, b = ([run["outcome"] == "diverged" for run in found["arms"][arm]] for arm in ("scratch", "pretrained"))
    if not any(a + b):
        return []
    size = intervals.share_difference((sum(a), len(a)), (sum(b), len(b)))
    what = f"Share of runs that diverge, from scratch less pre-trained, {where}"
    return [Effect(what, "%", size, at_least(FEWER, neutral=0.0), "runs")]


def _values(runs: list[Json], key: str) -> list[float]:
    return [run[key] for run in runs]


def _classes(runs: list[Json], kimg: float) -> list[float]:
    return [next(float(point["classes"]) for point in run["points"] if point["kimg"] == kimg) for run in runs]


def _last(run: Json) -> float:
    return float(run["points"][-1]["classes"])
