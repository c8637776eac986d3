"""C05: how even the generator's gradients are under four losses on the same networks."""

from paragone.claims.base import Claim, Effect, Evidence, times

CLAIM = Claim(
    surveys=("li",),
    sentence="Gradient penalty and LSGAN reduce vanishing or exploding gradients and make training converge.",
    measured="Peakedness of the generator's gradient norm (its 95th percentile over its median, over the training) of "
    "DCGAN, which has the original loss, over that of WGAN-GP and of LSGAN on the same networks.",
    rule="Supported where DCGAN's is at least 1.1 times as large and the interval over seeds lies above 1; "
    "contradicted where the interval lies below 1.1.",
    rows=("dcgan", "wgan_gp", "lsgan"),
)


def judge(evidence: Evidence) -> list[Effect]:
    evidence = evidence.with_column(
        "stability.peak.generator", "stability.grad_p95.generator", "stability.grad_median.generator"
    )
    return [
        times(evidence, d, "stability.peak.generator", "Gradient peakedness", "dcgan", other, 1.1)
        for d in evidence.datasets(*CLAIM.rows)
        for other in ("wgan_gp", "lsgan")
    ]
