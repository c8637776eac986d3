"""C13: accuracy under attack with dropout, with batch norm, with adversarial training, less that of a plain network."""

from paragone.evaluation import intervals
from paragone.results.claims.base import SEEDS, Claim, Effect, Evidence, NotMeasuredError, at_least

NETWORKS = ("encoder", "discriminator")
DEFENCES = ("dropout", "batch norm", "adversarial training")
SAID = at_least(0.05, neutral=0.0)  # of accuracy

CLAIM = Claim(
    surveys=("li",),
    sentence="Adversarial training, dropout or batch norm make image models more resilient to adversarial samples.",
    measured="Share of test images that a network still classifies after every attack (FGSM, PGD, longer PGD with "
    "restarts, images made against another network) on an encoder with the convolutions of the data set's classifier "
    "(each pixel moved by at most 0.1 of its range), and on a discriminator with DCGAN's that tells real images from "
    "a row's samples (by at most 0.02); with dropout, batch norm or adversarial training, less the same network "
    "without.",
    rule="A verdict for each of the three, from both networks: the share larger by at least 5 points, and within 5 "
    "it is no effect.",
    studies=("robustness",),
)


def effects(evidence: Evidence) -> list[Effect]:
    found = evidence.study("robustness")
    if len(found["seeds"]) < SEEDS:
        raise NotMeasuredError(f"study 'robustness' has {len(found['seeds'])} seeds; it takes at least {SEEDS}")
    result = []
    for defence in DEFENCES:
        for network in NETWORKS:
            own = found["networks"][network]
            with_it, without = ([r["survived"] for r in own["defences"][name]] for name in (defence, "plain"))
            gained = intervals.difference(with_it, without, resolution=1 / found["n"])
            what = (
                f"Accuracy under attack (eps {own['eps']:g}) of the {network} with {defence} less that without, "
                f"{evidence.title(found['dataset'])}"
            )
            result.append(Effect(what, "%", gained, SAID, part=defence))
    return result
