"""C08: what labels buy, at equal images and compute and at two budgets: quality, and the class that was asked for."""

from paragone.evaluation import intervals
from paragone.results import measures
from paragone.results.claims.base import Claim, Effect, Evidence, at_least, below, distances, in_part

PAIRS = (("dcgan", "cgan"), ("vae", "cvae"))  # without labels, with
SHORTER = (("dcgan_half", "cgan_half"), ("vae_half", "cvae_half"))  # half as many images
SHORT = 0.1  # of what real images score
COMPUTE = 1.25  # seconds of training differ by no more

CLAIM = Claim(
    surveys=("li",),
    sentence="Conditional generation (CGAN, CVAE) improves realism and control.",
    measured="Realism: Frechet distance of the unconditional model's samples over that of the conditional one's, in "
    "every feature space, at two budgets, after equally many images and, within a quarter, equally many seconds of "
    "training (else it is not measured). Control: by how much label accuracy (the data set's classifier finds the "
    "class asked for) of the conditional model's samples falls short of that of real test images, at the larger "
    "budget.",
    rule="Realism: the ratio at least 1.1, within 1/1.1 to 1.1 no effect. Control: short by less than 0.1, the whole "
    "interval; contradicted where all of it lies above.",
    rows=tuple(row for pair in (*PAIRS, *SHORTER) for row in pair),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for d in evidence.datasets(*CLAIM.rows):
        for pair in (*PAIRS, *SHORTER):
            evidence.require_equal(d, pair, measures.IMAGES, "training images")
            evidence.require_close(d, pair, measures.SECONDS, "seconds of training", COMPUTE)
            result += in_part("realism", distances(evidence, d, *pair, at_least(1.1)))
        result += in_part("control", [_control(evidence, d, row) for _, row in PAIRS])
    return result


def _control(evidence: Evidence, dataset: str, row: str) -> Effect:
    """How far the label accuracy of a row's samples falls short of that of real images."""
    (real,) = evidence.figures(dataset, (row,), measures.REAL_LABEL_ACCURACY)
    (drawn,) = evidence.figures(dataset, (row,), measures.LABEL_ACCURACY)
    size = intervals.difference(real, drawn)
    what = f"Label accuracy of real test images less that of {evidence.name(row)}, {evidence.title(dataset)}"
    return Effect(what, "", size, below(SHORT), note=evidence.left_out(dataset, row))
