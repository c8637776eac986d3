"""C14: a GAN that starts from the weights of another data set against one that starts from scratch."""

from paragone import intervals
from paragone.claims.base import SEEDS, Claim, Effect, Evidence, Json, NotMeasuredError, decide

TIMES = 1.1  # steadier, that count
RECALL = 0.05  # more recall, that counts

CLAIM = Claim(
    surveys=("li",),
    sentence="Starting from a pre-trained model reduces early instability and mode collapse.",
    measured="DCGAN on shapes for an equal budget there, from scratch and from the weights that the same row reached "
    "on stacked MNIST. Early instability: over the first quarter, peaks of the generator's gradient norm (95th "
    "percentile over median) and oscillation of the discriminator's loss. Mode collapse: recall (k = 5, the data "
    "set's classifier) after that quarter and at the end.",
    rule="Supported where both measures of instability are at least 1.1 times smaller with the intervals over seeds "
    "above 1, and both recalls at least 0.05 larger with the intervals above 0; contradicted where the intervals lie "
    "below 1.1 and 0.05.",
    studies=("pretraining",),
)


def judge(evidence: Evidence) -> list[Effect]:
    found = evidence.study("pretraining")
    scratch, pretrained = (_ended(found, arm) for arm in ("scratch", "pretrained"))
    where = f"{evidence.name(found['row'])}, {evidence.title(found['target'])}"
    early = f"first {found['early_kimg']:g} kimg"
    effects = []
    for what, key in (
        (f"Peaks of the generator's gradient norm in the {early}", "peaks"),
        (f"Oscillation of the discriminator's loss in the {early}", "oscillation"),
    ):
        size = intervals.ratio([run[key] for run in scratch], [run[key] for run in pretrained])
        said = f"{what}, from scratch over pre-trained, {where}"
        effects.append(Effect(said, "times", size, 1.0, TIMES, decide(size, 1.0, TIMES)))
    for kimg in (found["early_kimg"], found["kimg"]):
        size = intervals.difference(*([_recall(run, kimg) for run in arm] for arm in (pretrained, scratch)))
        said = f"Recall after {kimg:g} kimg, pre-trained less from scratch, {where}"
        effects.append(Effect(said, "", size, 0.0, RECALL, decide(size, 0.0, RECALL)))
    return effects


def _ended(found: Json, arm: str) -> list[Json]:
    runs: list[Json] = found["arms"][arm]
    if bad := [run for run in runs if run["outcome"] != "finished"]:
        raise NotMeasuredError(f"study 'pretraining': {arm}, seed {bad[0]['seed']} diverged: {bad[0]['reason']}")
    if len(runs) < SEEDS:
        raise NotMeasuredError(f"study 'pretraining' has {len(runs)} seeds; it takes at least {SEEDS}")
    return runs


def _recall(run: Json, kimg: float) -> float:
    return float(next(point["recall"] for point in run["points"] if point["at"] == kimg))
