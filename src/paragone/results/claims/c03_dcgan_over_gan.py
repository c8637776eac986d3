"""C03: convolutions against the original fully connected networks."""

from paragone.results.claims.base import Claim, Effect, Evidence, times

CLAIM = Claim(
    surveys=("li", "zhao"),
    sentence="DCGAN improves sharpness and quality over the original GAN.",
    measured="Frechet distance of the original GAN's samples over that of DCGAN's, in every feature space.",
    rule="Supported where the original GAN's distance is at least 1.1 times DCGAN's and the interval over seeds "
    "lies above 1; contradicted where the interval lies below 1.1.",
    rows=("gan", "dcgan"),
)


def effects(evidence: Evidence) -> list[Effect]:
    return [
        times(evidence, d, column, label, "gan", "dcgan", 1.1)
        for d in evidence.datasets(*CLAIM.rows)
        for label, column in evidence.distances(d)
    ]
