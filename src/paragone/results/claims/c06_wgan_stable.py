"""C06: modes, crashes and steadiness of WGAN against the original loss on the same networks."""

from paragone.evaluation import intervals
from paragone.results import crashes
from paragone.results.claims.base import SEEDS, Claim, Effect, Evidence, NotMeasuredError, decide, times

CLAIM = Claim(
    surveys=("zhao",),
    sentence="WGAN reduces mode collapse and instability.",
    measured="DCGAN, which has the original loss, against WGAN on its networks. On stacked MNIST, after as many "
    "images for both, 10,000 samples a run: share of the 1,000 modes that are missing, DCGAN's less WGAN's; a run that "
    "diverged misses all. On every data set: share of runs (that learned) that collapse or diverge, DCGAN's less "
    "WGAN's; and peakedness of the generator's gradient norm (95th percentile over median), DCGAN's over WGAN's.",
    rule="Supported where the share of modes is larger by at least 0.02, that of crashed runs by at least 10 %, and "
    "the peakedness at least 1.1 times as large, with intervals above 0, 0 and 1 (over seeds; of crashes over runs); "
    "contradicted where they lie below 0.02, 10 % and 1.1.",
    rows=("dcgan", "wgan"),
    studies=("mode_coverage",),
)


def effects(evidence: Evidence) -> list[Effect]:
    peak = "stability.peak.generator"
    evidence = evidence.with_column(peak, "stability.grad_p95.generator", "stability.grad_median.generator")
    collapsed = crashes.short_of_modes(evidence, "dcgan") | crashes.short_of_modes(evidence, "wgan")
    return [
        _modes(evidence),
        crashes.fewer(evidence, "wgan", "dcgan", 0.1, collapsed),
        *(
            times(evidence, d, peak, "Gradient peakedness", "dcgan", "wgan", 1.1)
            for d in evidence.datasets(*CLAIM.rows)
        ),
    ]


def _modes(evidence: Evidence) -> Effect:
    """By how much larger the share of missing modes is without the Wasserstein loss, paired by seed."""
    dataset = evidence.study("mode_coverage")["dataset"]
    evidence.require_equal(dataset, CLAIM.rows, "train.images", "images seen")
    dcgan, wgan = (crashes.missing_modes(evidence, row) for row in CLAIM.rows)
    seeds = sorted(set(dcgan) & set(wgan))
    if len(seeds) < SEEDS:
        raise NotMeasuredError(f"study 'mode_coverage' has {len(seeds)} seeds of both rows; it takes at least {SEEDS}")
    size = intervals.difference([dcgan[s] for s in seeds], [wgan[s] for s in seeds])
    names = [evidence.name(row) for row in CLAIM.rows]
    what = f"Share of missing modes of {names[0]} less that of {names[1]}, {evidence.title(dataset)}"
    return Effect(what, "", size, 0.0, 0.02, decide(size, 0.0, 0.02))
