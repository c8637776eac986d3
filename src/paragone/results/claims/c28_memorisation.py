"""C28: whether samples come nearer to training images than to unseen ones, for one model of each family."""

from paragone.evaluation import intervals
from paragone.evaluation.intervals import Interval
from paragone.results.claims.base import SEEDS, Claim, Effect, Evidence, Json, NotMeasuredError, at_least

ROWS = ("vae", "dcgan", "ddpm")
EXCESS = 0.2  # of the samples lean to the training images
COPIES = 0.01  # of the samples

CLAIM = Claim(
    surveys=("hu",),
    sentence="Generators leak their training data: memorisation can be measured for VAEs, GANs and diffusion models.",
    measured="In pixels. Excess: by how much more often than by chance the real image nearest to a sample is a "
    "training image and not an unseen test image (0: saw neither, 1: every sample is a copy). Near-copies: samples "
    "nearer to one training image than a third of the distance to the next, less those among unseen images. Both are "
    "blind to how smooth images are, unlike the ratio of nearest-training-image distances of samples and of unseen "
    "images, which is reported beside them with controls: unseen images blurred, and training images copied, copied "
    "with noise, and mixed in.",
    rule="For each model: supported (it leaks) where the excess is at least 20 %, and where near-copies are at least "
    "1 %, with the interval above 0; contradicted where the interval lies below that. Intervals of the excess are "
    "over which real images were for training, of near-copies over seeds. Not measured where these do not tell "
    "copies from blurred unseen images.",
    rows=ROWS,
    studies=("memorisation",),
)


def effects(evidence: Evidence) -> list[Effect]:
    found = evidence.study("memorisation")
    result = []
    for dataset in evidence.datasets(*ROWS):
        measured = found["datasets"].get(dataset)
        if measured is None:
            raise NotMeasuredError(f"study 'memorisation' has nothing of {dataset}")
        _controls(dataset, measured["controls"])
        for row in ROWS:
            result += _effects(measured, row, f"{evidence.name(row)}, {evidence.title(dataset)}")
    return result


def _effects(measured: Json, row: str, of: str) -> list[Effect]:
    runs = measured["rows"].get(row, {"runs": []})["runs"]
    if len(runs) < SEEDS:
        raise NotMeasuredError(f"study 'memorisation': {of}: {len(runs)} seeds left samples; it takes {SEEDS}")
    pooled = measured["rows"][row]["pooled"]["pixels"]
    excess = Interval(pooled["value"], pooled["low"], pooled["high"], pooled["n"])
    usual = measured["controls"]["unseen"]["pixels"]["near_copies"]
    copies = intervals.mean([run["pixels"]["near_copies"] - usual for run in runs])
    return [
        Effect(f"Excess of {of}", "%", excess, at_least(EXCESS, neutral=0.0), "nearest images"),
        Effect(f"Near-copies of {of}", "%", copies, at_least(COPIES, neutral=0.0)),
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
