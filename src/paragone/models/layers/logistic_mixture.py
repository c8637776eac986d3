"""The discretised mixture of logistic distributions over pixels of 256 levels.

Salimans, Karpathy, Chen, Kingma 2017, PixelCNN++, https://arxiv.org/abs/1701.05517: section 2.1 (eq. 2) and, for the
colours, section 2.2 (eq. 3): a component's mean of a colour is linear in the colours before it, red, green, blue.
"""

import torch
from torch import Tensor

from paragone.models.layers.functional import discretized_logistic_log_terms

MIN_LOG_SCALE = -7.0  # a seventh of a level: narrower adds nothing


def channels(colours: int, components: int) -> int:
    """How many parameters a pixel has: logits, means, log scales, and the colours' coefficients."""
    return components * (1 + 2 * colours + colours * (colours - 1) // 2)


def _split(params: Tensor, colours: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """params (B,P,H,W) -> log weights (B,M,H,W), means and log scales (B,M,C,H,W), coefficients (B,M,C(C-1)/2,H,W)."""
    per = 1 + 2 * colours + colours * (colours - 1) // 2
    p = params.float().unflatten(1, (-1, per))  # (B,M,per,H,W)
    logits, means, log_scales, coefficients = p.split([1, colours, colours, per - 1 - 2 * colours], 2)
    return logits.squeeze(2).log_softmax(1), means, log_scales.clamp(min=MIN_LOG_SCALE), coefficients.tanh()


def _means(means: Tensor, coefficients: Tensor, x: Tensor) -> Tensor:
    """Means (B,M,C,H,W) given the colours before each, x (B,M or 1,C,H,W) (eq. 3)."""
    k, out = 0, []
    for c in range(means.shape[2]):
        mean = means[:, :, c]
        for before in range(c):
            mean = mean + coefficients[:, :, k] * x[:, :, before]
            k += 1
        out.append(mean)
    return torch.stack(out, 2)


def log_likelihood(x: Tensor, params: Tensor) -> Tensor:
    """log P(x) of images x (B,C,H,W) in [-1,1] over 256 levels, in nats, (B,); params (B,channels(C,M),H,W)."""
    x = x.float()
    log_weights, means, log_scales, coefficients = _split(params, x.shape[1])
    means = _means(means, coefficients, x[:, None])
    terms = discretized_logistic_log_terms(x[:, None].expand_as(means), means, log_scales).sum(2)  # (B,M,H,W)
    return torch.logsumexp(log_weights + terms, 1).flatten(1).sum(1)


def sample(params: Tensor, colours: int) -> Tensor:
    """Images (B,C,H,W) in [-1,1], not rounded to levels, of params (B,channels(C,M),H,W)."""
    log_weights, means, log_scales, coefficients = _split(params, colours)
    gumbel = -torch.log(-torch.log(torch.rand_like(log_weights).clamp(1e-6, 1 - 1e-6)))
    index = (log_weights + gumbel).argmax(1, keepdim=True)[:, :, None]  # (B,1,1,H,W)
    chosen = [v.gather(1, index.expand(-1, -1, v.shape[2], -1, -1)) for v in (means, log_scales, coefficients)]
    means, log_scales, coefficients = chosen  # (B,1,...,H,W)
    u = torch.rand_like(means).clamp(1e-5, 1 - 1e-5)
    noise = log_scales.exp() * torch.logit(u)  # the logistic distribution's quantile
    x = torch.zeros_like(means)
    for c in range(colours):  # each given those before it
        x[:, :, c] = (_means(means, coefficients, x)[:, :, c] + noise[:, :, c]).clamp(-1, 1)
    return x.squeeze(1)


def mean(params: Tensor, colours: int) -> Tensor:
    """The mixture's mean (B,C,H,W), each colour given the means of those before it, clipped to [-1,1]."""
    log_weights, means, _, coefficients = _split(params, colours)
    weights = log_weights.exp()[:, :, None]
    x = torch.zeros_like(means[:, :1])
    for c in range(colours):
        x[:, :, c] = (weights * _means(means, coefficients, x)).sum(1, keepdim=True)[:, :, c].clamp(-1, 1)
    return x.squeeze(1)
