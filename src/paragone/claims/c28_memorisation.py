"""C28: whether samples come nearer to training images than to unseen ones, for one model of each family."""

from paragone import intervals
from paragone.claims.base import SEEDS, Claim, Effect, Evidence, Json, NotMeasuredError, decide

ROWS = ("vae", "dcgan", "ddpm")
EXCESS = 0.2  # of the samples lean to the training images
COPIES = 0.01  # of the samples

CLAIM = Claim(
    surveys=("hu",),
    sentence="Generators leak their training data: memorisation can be measured for VAEs, GANs and diffusion models.",
    measured="In pixels. Excess: by how much more often than by chance the real image nearest to a sample is a "
    "training image and no unseen test image (0: never saw either, 1: every sample is a copy). Near-copies: samples "
    "nearer to one training image than a third of the distance to the next. Both are blind to how smooth images are, "
    "unlike the ratio of nearest-training-image distances of samples and of unseen images, which stands beside them "
    "with controls: unseen images blurred, and training images copied, copied with noise, and mixed in.",
    rule="For each model: supported (it leaks) where the excess is at least 20 %, and where near-copies are at least "
    "1 %, with the interval over seeds above 0; contradicted where the interval lies below that. Not measured where "
    "these do not tell copies from blurred unseen images.",
    rows=ROWS,
    studies=("memorisation",),
)


def judge(evidence: Evidence) -> list[Effect]:
    found = evidence.study("memorisation")
    effects = []
    for dataset in evidence.datasets(*ROWS):
        measured = found["datasets"].get(dataset)
        if measured is None:
            raise NotMeasuredError(f"study 'memorisation' has nothing of {dataset}")
        _controls(dataset, measured["controls"])
        for row in ROWS:
            runs = measured["rows"].get(row, [])
            if len(runs) < SEEDS:
                raise NotMeasuredError(f"study 'memorisation': {dataset}: {len(runs)} seeds of '{row}' left samples")
            for label, key, at_least in (("Excess", "excess", EXCESS), ("Near-copies", "near_copies", COPIES)):
                size = intervals.mean([run["pixels"][key] for run in runs])
                what = f"{label} of {evidence.name(row)}, {evidence.title(dataset)}"
                effects.append(Effect(what, "%", size, 0.0, at_least, decide(size, 0.0, at_least)))
    return effects


def _controls(dataset: str, controls: dict[str, Json]) -> None:
    """Copies must be seen, and images that were never trained on must not."""
    seen, unseen = (controls[name]["pixels"] for name in ("copied", "blurred"))
    for key, bound in (("excess", EXCESS), ("near_copies", COPIES)):
        if seen[key] < bound or unseen[key] >= bound:
            raise NotMeasuredError(
                f"study 'memorisation': {dataset}: {key} is {seen[key]:.3g} of copies and {unseen[key]:.3g} of blurred "
                f"unseen images, where {bound:g} is to tell them apart"
            )
