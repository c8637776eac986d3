"""C06: modes, crashes and steadiness of the Wasserstein loss against the original one on the same networks."""

from paragone.results import benchmark, crashes, measures
from paragone.results.claims.base import Claim, Effect, Evidence, at_least, in_part, times

AS_MANY_IMAGES = ("dcgan", "wgan")
AS_MANY_UPDATES = ("dcgan_as_critics", "wgan")  # of the generator
ORIGINAL, WASSERSTEIN = "non_saturating", "clipping"  # of the collapse benchmark

CLAIM = Claim(
    surveys=("zhao",),
    sentence="WGAN reduces mode collapse and instability.",
    measured="Mode collapse, where the original loss can collapse: in the collapse benchmark (the study `collapse`: "
    "small networks, modes that are known, several learning rates), the share of modes that the original GAN's "
    "non-saturating loss misses less that of WGAN's, after as many updates of the generator and after as many real "
    "points; a trial that diverged misses all. Share of its trials that crash (miss a tenth of the modes, or "
    "diverge; those that did not learn are left out), original less Wasserstein. Instability in images: peakedness "
    "of the generator's gradient norm (95th percentile over median), DCGAN's over WGAN's on the same networks, after "
    "as many images and after as many updates; and, where a run of DCGAN collapses or diverges, the share of such "
    "runs, without undertrained ones and with these as crashes.",
    rule="Modes: the share larger by at least 0.02, within 0.02 no effect. Crashes: more by at least 10 points, "
    "within 10 no effect. Peakedness: at least 1.1 times, within 1/1.1 to 1.1 no effect.",
    rows=("dcgan", "dcgan_as_critics", "wgan"),
    studies=("collapse",),
)


def effects(evidence: Evidence) -> list[Effect]:
    lost = [e for equal in benchmark.EQUAL for e in benchmark.modes(evidence, WASSERSTEIN, ORIGINAL, equal, 0.02)]
    crash = benchmark.fewer(evidence, (WASSERSTEIN,), (ORIGINAL,), 0.1)
    peak = "stability.peak.generator"
    evidence = evidence.with_column(peak, *measures.GRADIENT_PEAK)
    steadier = crashes.fewer(evidence, ("wgan",), ("dcgan",), 0.1)
    for d in evidence.datasets(*CLAIM.rows):
        for pair, column in ((AS_MANY_IMAGES, measures.IMAGES), (AS_MANY_UPDATES, measures.UPDATES)):
            evidence.require_equal(d, pair, column, "images or updates of the generator")
            steadier.append(times(evidence, d, peak, "Gradient peakedness", *pair, at_least(1.1)))
    return in_part("mode collapse", [*lost, crash]) + in_part("instability", steadier)
