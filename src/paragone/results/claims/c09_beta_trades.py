"""C09: what a larger beta costs the reconstruction, and what it buys: latents of which each holds one factor."""

from paragone.evaluation import intervals
from paragone.results import measures
from paragone.results.claims.base import (
    SEEDS,
    Claim,
    Effect,
    Evidence,
    Json,
    NotMeasuredError,
    at_least,
    in_part,
    times,
)  # fmt: skip

SMALL = "beta_vae_1"  # the VAE
LARGER = ("beta_vae_4", "beta_vae_16", "beta_tcvae_4")  # 4: the paper's weight (Higgins et al. 2017, figure 7)
SCORES = {"mig": ("MIG", 0.05), "sap": ("SAP", 0.02), "factor_vae": ("FactorVAE score", 0.05)}  # what counts as a gain

CLAIM = Claim(
    surveys=("li", "hu"),
    sentence="beta-VAE's beta trades reconstruction against the independence of the latent space.",
    measured="On images of known factors, with beta 4 and with beta 16 against beta 1 (the VAE), and with beta 4 of "
    "beta-TCVAE, which weighs the total correlation alone. Price: mean squared error of reconstructed test images, "
    "larger beta over beta 1, and the rate (nats that the latents carry), beta 1 over larger beta. Gain: three "
    "scores of disentanglement (MIG, SAP, FactorVAE), larger beta's less beta 1's.",
    rule="Price: both ratios at least 1.1, within 1/1.1 to 1.1 no effect. Gain: MIG and the FactorVAE score higher "
    "by at least 0.05, SAP by 0.02, and within as much no effect. A price without the gain is mixed.",
    rows=(SMALL, *LARGER),
    studies=("disentanglement",),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    measured = evidence.study("disentanglement")["datasets"]
    for d in (d for d in evidence.datasets(*CLAIM.rows) if d in measured):
        for large in LARGER:
            price = [
                times(evidence, d, measures.ERROR, "MSE", large, SMALL, at_least(1.1)),
                times(evidence, d, measures.RATE, "Rate", SMALL, large, at_least(1.1)),
            ]
            gain = [_gain(evidence, d, measured[d]["rows"], large, score) for score in SCORES]
            result += in_part("price", price) + in_part("gain", gain)
    if not result:
        raise NotMeasuredError("study 'disentanglement' measured no data set on which all the rows run")
    return result


def _gain(evidence: Evidence, dataset: str, rows: Json, row: str, score: str) -> Effect:
    """By how much a larger beta's score exceeds that of beta 1, paired by seed."""
    label, size = SCORES[score]
    large, small = ({f["seed"]: f[score] for f in rows.get(r, [])} for r in (row, SMALL))
    if len(seeds := sorted(set(large) & set(small))) < SEEDS:
        raise NotMeasuredError(
            f"{dataset}: {len(seeds)} seeds have a {label} of both {row} and {SMALL}; it takes at least {SEEDS}"
        )
    found = intervals.difference([large[s] for s in seeds], [small[s] for s in seeds])
    what = f"{label} of {evidence.name(row)} less that of {evidence.name(SMALL)}, {evidence.title(dataset)}"
    note = evidence.left_out(dataset, row, SMALL)
    return Effect(what, "", found, at_least(size, neutral=0.0), note=note)
