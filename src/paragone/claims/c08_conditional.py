"""C08: what labels buy, at an equal budget."""

from paragone.claims.base import Claim, Effect, Evidence, times

PAIRS = (("dcgan", "cgan"), ("vae", "cvae"))  # without labels, with

CLAIM = Claim(
    surveys=("li",),
    sentence="Conditional generation (CGAN, CVAE) improves realism and control.",
    measured="Frechet distance of the unconditional model's samples over that of the conditional one's, at the budgets "
    "that their rows state. Control: see the column of label accuracy.",
    rule="Supported where the unconditional distance is at least 1.1 times the conditional one and the interval "
    "over seeds lies above 1; contradicted where the interval lies below 1.1.",
    rows=("dcgan", "cgan", "vae", "cvae"),
)


def judge(evidence: Evidence) -> list[Effect]:
    return [
        times(evidence, d, column, label, without, with_labels, 1.1)
        for d in evidence.datasets(*CLAIM.rows)
        for label, column in evidence.distances(d)
        for without, with_labels in PAIRS
    ]
