"""C16: single channels of StyleGAN2's styles as edits: what they change, what they leave, what training costs."""

from paragone.evaluation import intervals
from paragone.evaluation.intervals import Interval
from paragone.results import measures
from paragone.results.claims.base import (
    SEEDS,
    Claim,
    Effect,
    Evidence,
    Json,
    NotMeasuredError,
    above,
    at_least,
    in_part,
    times,
)

SPACE, TRAINED, CHEAP = "stylespace", "stylegan2", "dcgan"
FINE = 32.0  # dB
WORKS = 0.5  # of the edits
COST = at_least(5.0, equal=1.5)

CLAIM = Claim(
    surveys=("hu",),
    sentence="StyleGAN2 and 3 edit attributes finely (PSNR above 32 dB) at a high training cost.",
    measured="On few-shapes, a drawn set whose attributes a network reads: for each attribute the best single channel "
    "of a StyleGAN2's style space (Wu et al. 2021), measured on other samples. Fine: PSNR of edited against unedited "
    "samples outside of the region that the edit is about. Works: share of edits after which the attribute reads as "
    "asked and all others as before. Cost: seconds of training per image of StyleGAN2 over DCGAN's. At 32 px and "
    "small budgets; StyleGAN3 is not edited: its styles are not StyleSpace's.",
    rule="Fine: above 32 dB, the whole interval. Works: above half of the edits, the whole interval. Cost: at least 5 "
    "times, within 1/1.5 to 1.5 no effect. A verdict for each.",
    rows=(CHEAP, TRAINED, SPACE),
    studies=("channels",),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for dataset in evidence.datasets(*CLAIM.rows):
        found = evidence.study("channels")["datasets"].get(dataset)
        if found is None:
            raise NotMeasuredError(f"study 'channels' has nothing of {dataset}")
        of = f"{evidence.name(SPACE)}, {evidence.title(dataset)}"
        fine = Effect(f"PSNR outside of what is edited, {of}", "dB", _mean(found, "psnr"), above(FINE), part="fine")
        works = Effect(f"Edits that work, {of}", "%", _mean(found, "success"), above(WORKS), part="works")
        costs = evidence.with_column("train.seconds_per_image", measures.SECONDS, measures.IMAGES)
        label = "Seconds of training per image"
        cost = times(costs, dataset, "train.seconds_per_image", label, TRAINED, CHEAP, COST)
        result += [fine, works, *in_part("cost", [cost])]
    return result


def _mean(found: Json, key: str) -> Interval:
    """Over the runs that have the figure. Raises NotMeasuredError for too few."""
    values = [run[key] for run in found["rows"].get(SPACE, []) if run[key] is not None]
    if len(values) < SEEDS:
        raise NotMeasuredError(f"study 'channels' has {len(values)} seeds with a {key} of '{SPACE}'; it takes {SEEDS}")
    return intervals.mean(values)
