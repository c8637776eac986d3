"""C09: what a larger beta costs the reconstruction, and what it buys: latents of which each holds one factor."""

from paragone.evaluation import intervals
from paragone.results.claims.base import SEEDS, Claim, Effect, Evidence, Json, NotMeasuredError, decide, times

SMALL, LARGE = "beta_vae_1", "beta_vae_4"  # the VAE, and the weight of the paper (Higgins et al. 2017, figure 7)
SCORES = {"mig": ("MIG", 0.05), "sap": ("SAP", 0.02), "factor_vae": ("FactorVAE score", 0.05)}  # what counts as a gain

CLAIM = Claim(
    surveys=("li", "hu"),
    sentence="beta-VAE's beta trades reconstruction against the independence of the latent space.",
    measured="On images of known factors: mean squared error of reconstructed test images with beta 4 over that with "
    "beta 1; the rate (nats that the latents carry) with beta 1 over that with beta 4, which is what beta presses on; "
    "and three scores of disentanglement (MIG, SAP, FactorVAE) with beta 4 less those with beta 1. One step "
    "for the price and for the gain: from the VAE to the weight of the paper.",
    rule="Supported where error and rate are at least 1.1 times as large, MIG and the FactorVAE score rise by at least "
    "0.05, SAP by at least 0.02, and the intervals over seeds lie above 1 and 0; contradicted where they lie below "
    "1.1, 0.05 and 0.02. One score that falls while the error rises is a price without the gain: mixed.",
    rows=(SMALL, LARGE),
    studies=("disentanglement",),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    measured = evidence.study("disentanglement")["datasets"]
    for d in (d for d in evidence.datasets(*CLAIM.rows) if d in measured):
        result.append(times(evidence, d, "metrics.reconstruction.mse", "MSE", LARGE, SMALL, 1.1))
        result.append(times(evidence, d, "metrics.rate.nats", "Rate", SMALL, LARGE, 1.1))
        result += [_gain(evidence, d, measured[d]["rows"], score) for score in SCORES]
    if not result:
        raise NotMeasuredError("study 'disentanglement' measured no data set on which both rows run")
    return result


def _gain(evidence: Evidence, dataset: str, rows: Json, score: str) -> Effect:
    """By how much the larger beta's score exceeds the smaller one's, paired by seed."""
    label, at_least = SCORES[score]
    large, small = ({f["seed"]: f[score] for f in rows[row]} for row in (LARGE, SMALL))
    if len(seeds := sorted(set(large) & set(small))) < SEEDS:
        raise NotMeasuredError(f"{dataset}: {len(seeds)} seeds have a {label} of both rows; it takes at least {SEEDS}")
    size = intervals.difference([large[s] for s in seeds], [small[s] for s in seeds])
    what = f"{label} of {evidence.name(LARGE)} less that of {evidence.name(SMALL)}, {evidence.title(dataset)}"
    note = evidence.left_out(dataset, LARGE, SMALL)
    return Effect(what, "", size, 0.0, at_least, decide(size, 0.0, at_least), note=note)
