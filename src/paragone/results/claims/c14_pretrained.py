"""C14: a GAN that starts from the weights of another data set against one that starts from scratch."""

from paragone.evaluation import intervals
from paragone.results.claims.base import SEEDS, Claim, Effect, Evidence, Json, NotMeasuredError, at_least

TIMES = 1.1  # steadier, or more classes, that count

CLAIM = Claim(
    surveys=("li",),
    sentence="Starting from a pre-trained model reduces early instability and mode collapse.",
    measured="DCGAN on stacked MNIST for an equal budget there, from scratch and from the weights that the same row "
    "reached on shapes. Early instability: over the first quarter, peaks of the generator's gradient norm (95th "
    "percentile over median) and oscillation of the discriminator's loss. Mode collapse: how many of the 1,000 "
    "classes 1,000 samples show, after that quarter and at the end.",
    rule="Both measures of instability at least 1.1 times smaller, and at least 1.1 times as many classes shown, "
    "both times; within 1/1.1 to 1.1 no effect.",
    studies=("pretraining",),
)


def effects(evidence: Evidence) -> list[Effect]:
    found = evidence.study("pretraining")
    scratch, pretrained = (_ended(found, arm) for arm in ("scratch", "pretrained"))
    where, early = f"{evidence.name(found['row'])}, {evidence.title(found['target'])}", found["early_kimg"]

    def times(what: str, above: list[float], below: list[float]) -> Effect:
        size = intervals.ratio(above, below)
        return Effect(f"{what}, {where}", "times", size, at_least(TIMES))

    over = f"in the first {early:g} kimg, from scratch over pre-trained"
    peaks, oscillation = ([_values(arm, key) for arm in (scratch, pretrained)] for key in ("peaks", "oscillation"))
    return [
        times(f"Peaks of the generator's gradient norm {over}", *peaks),
        times(f"Oscillation of the discriminator's loss {over}", *oscillation),
        *(
            times(
                f"Classes shown after {kimg:g} kimg, pre-trained over from scratch",
                _classes(pretrained, kimg),
                _classes(scratch, kimg),
            )
            for kimg in (early, found["kimg"])
        ),
    ]


def _ended(found: Json, arm: str) -> list[Json]:
    runs: list[Json] = found["arms"][arm]
    if bad := [run for run in runs if run["outcome"] != "finished"]:
        raise NotMeasuredError(f"study 'pretraining': {arm}, seed {bad[0]['seed']} diverged: {bad[0]['reason']}")
    if len(runs) < SEEDS:
        raise NotMeasuredError(f"study 'pretraining' has {len(runs)} seeds; it takes at least {SEEDS}")
    return runs


def _values(runs: list[Json], key: str) -> list[float]:
    return [run[key] for run in runs]


def _classes(runs: list[Json], kimg: float) -> list[float]:
    return [next(float(point["classes"]) for point in run["points"] if point["kimg"] == kimg) for run in runs]
