"""Inception Score (Salimans et al. 2016, section 4): exp E KL(p(y|x) || p(y)).

https://arxiv.org/abs/1606.03498. From the logits of the classifier trained on this data set it is called IS-clf; only
the Inception network's is the Inception Score of the literature. It cannot see repeats within a class (five images a
class, repeated, score nearly as real data does): never read it alone.
"""

import math

import torch
from torch import Tensor

from paragone.evaluation.metrics.base import Predicted

needs = Predicted
SPLITS = 10


def inception_score(logits: Tensor, splits: int = SPLITS) -> tuple[float, float]:
    """Mean and standard deviation over `splits` equal parts of the logits (N,K), in 1..K; higher is better.

    The rows must be in random order: parts of a set sorted by class score 1.
    """
    n = len(logits)
    if n < splits:
        raise ValueError(f"{n} images cannot be split into {splits} parts; take at least {splits}")
    log_p = logits.double().log_softmax(1)
    scores = []
    for i in range(splits):
        part = log_p[i * n // splits : (i + 1) * n // splits]
        marginal = part.logsumexp(0) - math.log(len(part))  # log p(y)
        scores.append((part.exp() * (part - marginal)).sum(1).mean().exp())
    values = torch.stack(scores)
    return float(values.mean()), float(values.std(correction=0))


def compute(view: Predicted) -> dict[str, dict[str, float | int]]:
    """is: mean and std over splits."""
    mean, std = inception_score(view.logits)
    return {"is": {"mean": mean, "std": std, "splits": SPLITS, "n": len(view.logits)}}
