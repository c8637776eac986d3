"""C07: least squares in place of the cross-entropy, on the same networks and on the original ones."""

from paragone.results.claims.base import Claim, Effect, Evidence, times

CLAIM = Claim(
    surveys=("zhao",),
    sentence="LSGAN raises sample quality and lowers instability against the original GAN.",
    measured="Frechet distance over that of LSGAN's samples: of DCGAN's, which has the same networks and the original "
    "loss, and of the original GAN's. Instability is measured by the profile `stability`.",
    rule="Supported where the other distance is at least 1.1 times LSGAN's and the interval over seeds lies above "
    "1; contradicted where the interval lies below 1.1.",
    rows=("gan", "dcgan", "lsgan"),
)


def effects(evidence: Evidence) -> list[Effect]:
    return [
        times(evidence, d, column, label, other, "lsgan", 1.1)
        for d in evidence.datasets(*CLAIM.rows)
        for label, column in evidence.distances(d)
        for other in ("dcgan", "gan")
    ]
