"""The divergence of latents from their prior in three: what a weight on it pays for (beta-TCVAE).

Chen et al. 2018, https://arxiv.org/abs/1802.04942, eq. 2, with q(z) the mean of the posteriors of N images:

    mutual_information    KL(q(z,n) || q(z) p(n)): what the latents say of which image it is; at most ln N nats
    total_correlation     KL(q(z) || prod_j q(z_j)): how far the latents are from independent
    dimension_kl          sum_j KL(q(z_j) || p(z_j)): how far each is from its prior

The three add up to the rate (`metrics.rate`), but for the draws: one z of each image's posterior. q(z) is the exact
mean over these images, not a batch's estimate of that of the training set, which the logs of a training hold.
"""

import math

import torch
from torch import Tensor

from paragone.evaluation.metrics.base import Posteriors

needs = Posteriors
MOST = 2000  # images: time and memory go with their square
ROWS = 100  # images at a time


def compute(view: Posteriors) -> dict[str, dict[str, float | int | str]]:
    """decomposition: mutual_information, total_correlation, dimension_kl (nats), n, split."""
    z, mean, logvar = (values[:MOST].double() for values in view)
    n = len(z)
    terms = []
    for part, own_mean, own_logvar in zip(z.split(ROWS), mean.split(ROWS), logvar.split(ROWS), strict=True):
        pairs = _log_normal(part[:, None], mean, logvar)  # (R,N,D): log q(z_j|n) of each latent
        log_q = torch.logsumexp(pairs.sum(2), 1) - math.log(n)
        log_marginals = (torch.logsumexp(pairs, 1) - math.log(n)).sum(1)
        log_q_n = _log_normal(part, own_mean, own_logvar).sum(1)
        log_p = _log_normal(part, torch.zeros_like(part), torch.zeros_like(part)).sum(1)
        terms.append(torch.stack([log_q_n - log_q, log_q - log_marginals, log_marginals - log_p]))
    names = ("mutual_information", "total_correlation", "dimension_kl")
    found = dict(zip(names, torch.cat(terms, 1).mean(1).tolist(), strict=True))
    return {"decomposition": {**found, "n": n, "split": "test"}}


def _log_normal(z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    """log N(z; mean, exp(logvar)) of each latent."""
    return -0.5 * ((z - mean).square() * (-logvar).exp() + logvar + math.log(2 * math.pi))
