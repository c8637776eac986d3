"""C28: whether samples come nearer to training images than to unseen ones, as the training set grows."""

from paragone.evaluation import intervals
from paragone.evaluation.intervals import Interval
from paragone.results.claims.base import SEEDS, Claim, Effect, Evidence, Json, NotMeasuredError, at_least

ROWS = ("vae", "dcgan", "ddpm")
EXCESS = 0.2  # of the samples lean to the training images
COPIES = 0.01  # of the samples

CLAIM = Claim(
    surveys=("hu",),
    sentence="Generators leak their training data: memorisation can be measured for VAEs, GANs and diffusion models.",
    measured="In pixels, of models trained on 100 images, on 500 and on all, all seeds pooled. Excess: by how much "
    "more often than by chance the real image nearest to a sample is a training image and not an unseen test image "
    "(0: saw neither, 1: every sample is a copy). Near-copies: share of samples nearer to one training image than a "
    "third of the distance to the next, less that of unseen images. Both are blind to how smooth images are. Controls, "
    "of images whose history is known, are in the study `memorisation`: unseen images blurred, and training images "
    "copied, copied with noise, and mixed in.",
    rule="For each number of training images a verdict: it leaks where the excess is at least 20 %, and where "
    "near-copies are at least 1 %; within that no effect. Intervals of the excess are over which real images were for "
    "training, of near-copies Newcombe's over samples. Five seeds on all images. Not measured where these do not tell "
    "copies from blurred unseen images.",
    rows=ROWS,
    studies=("memorisation", "training_set_size"),
)


def effects(evidence: Evidence) -> list[Effect]:
    controls, found = evidence.study("memorisation")["datasets"], evidence.study("training_set_size")["datasets"]
    result = []
    for dataset in evidence.datasets(*ROWS):
        for study, measured in (("memorisation", controls), ("training_set_size", found)):
            if dataset not in measured:
                raise NotMeasuredError(f"study '{study}' has nothing of {dataset}")
        _controls(dataset, controls[dataset]["controls"])
        *few, whole = sorted(found[dataset]["sizes"], key=lambda size: size["n_train"])
        for row in ROWS:
            if (seeds := len(whole["rows"][row]["seeds"])) < SEEDS:
                raise NotMeasuredError(
                    f"study 'training_set_size': {evidence.name(row)}, {evidence.title(dataset)}: {seeds} seeds left "
                    f"samples; it takes {SEEDS}"
                )
        for size in (*few, whole):
            for row in ROWS:
                result += _effects(size, row, f"{evidence.name(row)}, {evidence.title(dataset)}")
    return result


def _effects(size: Json, row: str, of: str) -> list[Effect]:
    """Those of one model trained on so many images; none where every seed diverged."""
    measured, unseen = size["rows"][row], size["unseen"]
    if not measured["n"]:
        return []
    part = f"{size['n_train']:,} training images"
    note = ", ".join(f"seed {run['seed']} diverged" for run in measured["diverged"])
    pooled = measured["excess"]
    excess = Interval(pooled["value"], pooled["low"], pooled["high"], pooled["n"])
    copies = intervals.share_difference(
        (measured["near_copies"], measured["n"]), (unseen["near_copies"], unseen["n"])
    )._replace(n=measured["n"])
    leaks, copied = at_least(EXCESS, neutral=0.0), at_least(COPIES, neutral=0.0)
    return [
        Effect(f"Excess of {of}, {part}", "%", excess, leaks, "nearest images", note, part),
        Effect(f"Near-copies of {of}, {part}", "%", copies, copied, "samples", note, part),
    ]


def _controls(dataset: str, controls: dict[str, Json]) -> None:
    """Copies must be seen, and images that were never trained on must not."""
    copied, blurred, unseen = (controls[name]["pixels"] for name in ("copied", "blurred", "unseen"))
    for key, usual, bound in (("excess", 0.0, EXCESS), ("near_copies", unseen["near_copies"], COPIES)):
        if copied[key] - usual < bound or blurred[key] - usual >= bound:
            raise NotMeasuredError(
                f"study 'memorisation': {dataset}: {key} is {copied[key]:.3g} of copies and {blurred[key]:.3g} of "
                f"blurred unseen images, where {usual + bound:.3g} is to tell them apart"
            )
