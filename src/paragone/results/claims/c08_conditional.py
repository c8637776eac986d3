"""C08: what labels buy, at an equal budget: quality, and that the class asked for is drawn."""

from paragone.evaluation import intervals
from paragone.results.claims.base import Claim, Effect, Evidence, decide_below, times

PAIRS = (("dcgan", "cgan"), ("vae", "cvae"))  # without labels, with
ACCURACY = "label_accuracy.rate"
SHORT = 0.1  # of what real images score

CLAIM = Claim(
    surveys=("li",),
    sentence="Conditional generation (CGAN, CVAE) improves realism and control.",
    measured="Realism: Frechet distance of the unconditional model's samples over that of the conditional one's, "
    "after equally many training images (else it is not measured). Control: by how much label accuracy (the data set's "
    "classifier finds the class asked for) of the conditional model's samples falls short of that of real test images.",
    rule="Supported where the unconditional distance is at least 1.1 times the conditional one with the interval over "
    "seeds above 1, and label accuracy falls short by less than 0.1, the whole interval; contradicted where the "
    "intervals lie below 1.1, and above 0.1.",
    rows=("dcgan", "cgan", "vae", "cvae"),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for d in evidence.datasets(*CLAIM.rows):
        for pair in PAIRS:
            evidence.require_equal(d, pair, "train.images", "training images")
            result += [times(evidence, d, column, label, *pair, 1.1) for label, column in evidence.distances(d)]
            result.append(_control(evidence, d, pair[1]))
    return result


def _control(evidence: Evidence, dataset: str, row: str) -> Effect:
    """How far the label accuracy of a row's samples falls short of that of real images."""
    (real,) = evidence.figures(dataset, (row,), f"floor.{ACCURACY}")
    (drawn,) = evidence.figures(dataset, (row,), f"metrics.{ACCURACY}")
    size = intervals.difference(real, drawn)
    what = f"Label accuracy of real test images less that of {evidence.name(row)}, {evidence.title(dataset)}"
    note = evidence.left_out(dataset, row)
    return Effect(what, "", size, SHORT, SHORT, decide_below(size, SHORT), note=note)
