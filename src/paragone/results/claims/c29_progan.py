"""C29: ProGAN against DCGAN at 64 pixels, after equally many images."""

from paragone.results import crashes, measures
from paragone.results.claims.base import Claim, Effect, Evidence, at_least, coverages, in_part, times

PAIR = ("dcgan_64", "progan_64")  # rows of their own: at 32 px, others have the names of the models

CLAIM = Claim(
    surveys=("zhao",),
    sentence="ProGAN is more stable and more varied than DCGAN at higher resolution.",
    measured="On few-shapes, an easy drawn set, at 64 px, after equally many images. Varied: coverage of ProGAN less "
    "that of DCGAN, in every feature space. Stable: peakedness of the generator's gradient norm (95th percentile over "
    "median), DCGAN's over ProGAN's; and, where a run of DCGAN collapses or diverges, the share of such runs, DCGAN's "
    "less ProGAN's, without undertrained ones and with these as crashes.",
    rule="Coverage larger by at least 0.05, within 0.05 no effect. Peakedness: at least 1.1 times, within 1/1.1 to 1.1 "
    "no effect; crashes: more by at least 10 points. A verdict for each part.",
    rows=PAIR,
)


def effects(evidence: Evidence) -> list[Effect]:
    peak = "stability.peak.generator"
    peaked = evidence.with_column(peak, *measures.GRADIENT_PEAK)
    varied, stable = [], crashes.fewer(evidence, PAIR[1:], PAIR[:1], 0.1)
    for d in evidence.datasets(*PAIR):
        evidence.require_equal(d, PAIR, measures.IMAGES, "training images")
        varied += coverages(evidence, d, PAIR[1], PAIR[0], at_least(0.05, neutral=0.0))
        stable.append(times(peaked, d, peak, "Gradient peakedness", *PAIR, at_least(1.1)))
    return [*in_part("varied", varied), *in_part("stable", stable)]
