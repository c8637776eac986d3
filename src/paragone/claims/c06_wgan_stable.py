"""C06: modes and steadiness of WGAN against the original loss on the same networks."""

from paragone.claims.base import Claim, Effect, Evidence, points, times

CLAIM = Claim(
    surveys=("zhao",),
    sentence="WGAN reduces mode collapse and instability.",
    measured="Share of missing modes of DCGAN less that of WGAN, and peakedness of the generator's gradient norm (95th "
    "percentile over median) of DCGAN over that of WGAN.",
    rule="Supported where the share is larger by at least 0.02 and the peakedness at least 1.1 times as large, "
    "with intervals over seeds above 0 and 1; contradicted where they lie below 0.02 and 1.1.",
    rows=("dcgan", "wgan"),
)


def judge(evidence: Evidence) -> list[Effect]:
    evidence = evidence.with_column(
        "stability.peak.generator", "stability.grad_p95.generator", "stability.grad_median.generator"
    )
    effects = []
    for d in evidence.datasets(*CLAIM.rows):
        effects.append(points(evidence, d, "stability.missing_share", "Missing modes", "dcgan", "wgan", 0.02))
        effects.append(times(evidence, d, "stability.peak.generator", "Gradient peakedness", "dcgan", "wgan", 1.1))
    return effects
