"""C13: accuracy under attack with dropout, with batch norm, with adversarial training, less that of a plain network."""

from paragone.evaluation import intervals
from paragone.results.claims.base import SEEDS, Claim, Effect, Evidence, NotMeasuredError, decide

NETWORKS = ("encoder", "discriminator")
DEFENCES = ("dropout", "batch norm", "adversarial training")
POINTS = 0.05  # of accuracy that count

CLAIM = Claim(
    surveys=("li",),
    sentence="Adversarial training, dropout or batch norm make image models more resilient to adversarial samples.",
    measured="Share of test images that a network still classifies after every attack (FGSM, PGD, longer PGD with "
    "restarts, images made against another network) on an encoder with the convolutions of the data set's classifier "
    "(each pixel moved by at most 0.1 of its range), and on a discriminator with DCGAN's that tells real images from "
    "a row's samples (by at most 0.02); with dropout, batch norm or adversarial training, less the same network "
    "without.",
    rule="For each of the three and each network: supported where it gains at least 5 points and the interval over "
    "seeds lies above 0; contradicted where the interval lies below 5 points.",
    studies=("robustness",),
)


def effects(evidence: Evidence) -> list[Effect]:
    found = evidence.study("robustness")
    if len(found["seeds"]) < SEEDS:
        raise NotMeasuredError(f"study 'robustness' has {len(found['seeds'])} seeds; it takes at least {SEEDS}")
    result = []
    for network in NETWORKS:
        measured = found["networks"][network]
        survived = {defence: [r["survived"] for r in rows] for defence, rows in measured["defences"].items()}
        for defence in DEFENCES:
            size = intervals.difference(survived[defence], survived["plain"])
            what = (
                f"Accuracy under attack (eps {measured['eps']:g}) of the {network} with {defence} less that without, "
                f"{evidence.title(found['dataset'])}"
            )
            result.append(Effect(what, "%", size, 0.0, POINTS, decide(size, 0.0, POINTS)))
    return result
