"""The importance-weighted estimate of the negative log likelihood of a model with latents, in nats.

Burda, Grosse, Salakhutdinov 2016, https://arxiv.org/abs/1509.00519, eq. 8: E log 1/k sum_i w_i with
w_i = p(x,z_i) / q(z_i|x) bounds log P(x) from below, and comes the nearer the larger k is. Papers print it as "NLL"
with k = 200 to 5,000. With k = 1 it is the ELBO.
"""

import math

import torch

from paragone.evaluation.metrics.base import Weighted

needs = Weighted


def compute(view: Weighted) -> dict[str, dict[str, float]]:
    """importance_weighted: nats (lower is better), se (standard error over images), bits_per_dimension, elbo (its
    negative, from the same draws), k."""
    weights = view.log_weights.double()
    k = weights.shape[1]
    bounds = torch.logsumexp(weights, 1) - math.log(k)
    return {
        "importance_weighted": {
            "nats": -float(bounds.mean()),
            "se": float(bounds.std() / math.sqrt(len(bounds))),
            "bits_per_dimension": -float(bounds.mean()) / (view.dims * math.log(2)),
            "elbo": -float(weights.mean()),
            "k": k,
        }
    }
