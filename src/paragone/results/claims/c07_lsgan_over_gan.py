"""C07: least squares in place of the cross-entropy, on the same networks."""

from paragone.results import crashes, measures
from paragone.results.claims.base import Claim, Effect, Evidence, at_least, distances, in_part, times

ROWS = ("dcgan", "lsgan")  # the same networks and settings, with the original loss and with least squares
SAID = at_least(1.1)

CLAIM = Claim(
    surveys=("zhao",),
    sentence="LSGAN raises sample quality and lowers instability against the original GAN.",
    measured="DCGAN, which has the original loss, against LSGAN on the same networks and settings, so that the loss "
    "alone differs. Quality: Frechet distance of DCGAN's samples over that of LSGAN's, in every feature space. "
    "Instability: peakedness of the generator's gradient norm (95th percentile over median), DCGAN's over LSGAN's; "
    "and, where a run of DCGAN collapses or diverges, the share of such runs, DCGAN's less LSGAN's, without "
    "undertrained ones and with these as crashes.",
    rule="Both ratios at least 1.1, within 1/1.1 to 1.1 no effect; crashes fewer by at least 10 points, within 10 no "
    "effect.",
    rows=ROWS,
)


def effects(evidence: Evidence) -> list[Effect]:
    peak = "stability.peak.generator"
    evidence = evidence.with_column(peak, *measures.GRADIENT_PEAK)
    result = []
    for d in evidence.datasets(*ROWS):
        evidence.require_equal(d, ROWS, measures.IMAGES, "training images")
        result += in_part("quality", distances(evidence, d, *ROWS, SAID))
        result += in_part("instability", [times(evidence, d, peak, "Gradient peakedness", *ROWS, SAID)])
    return [*result, *in_part("instability", crashes.fewer(evidence, ("lsgan",), ("dcgan",), 0.1))]
