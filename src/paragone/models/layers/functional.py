"""Mathematics that papers share: losses, penalties, divergences, likelihoods.

Everything is computed in float32, whatever autocast made of the inputs. "Nats" are natural-logarithm units.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid, relu, softplus


def logistic_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """-E[log D(x)] - E[log(1 - D(G(z)))] from logits, D = sigmoid(logit) (Goodfellow et al. 2014, eq. 1)."""
    return softplus(-real.float()).mean() + softplus(fake.float()).mean()


def nonsaturating_generator_loss(fake: Tensor) -> Tensor:
    """-E[log D(G(z))] from logits (Goodfellow et al. 2014, section 3)."""
    return softplus(-fake.float()).mean()


def minimax_generator_loss(fake: Tensor) -> Tensor:
    """E[log(1 - D(G(z)))] from logits (Goodfellow et al. 2014, eq. 1): it saturates where D is sure."""
    return -softplus(fake.float()).mean()


def hinge_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))] (Miyato et al. 2018, eq. 16); the generator's is -E[D(G(z))]."""
    return relu(1 - real.float()).mean() + relu(1 + fake.float()).mean()


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    """E[(||grad_x D(x)||_2 - 1)^2], the norm over all of C,H,W (Gulrajani et al. 2017, eq. 3), 0-d.

    real, fake: (B,C,H,W); x lies at a uniformly random place between the two, drawn for each image.
    Computed without autocast: a norm of bfloat16 gradients is wrong in the third digit.
    """
    real, fake = real.detach().float(), fake.detach().float()
    eps = torch.rand(len(real), 1, 1, 1, device=real.device)
    x = torch.lerp(fake, real, eps).requires_grad_()
    with torch.autocast(real.device.type, enabled=False):
        (grad,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
        return (grad.flatten(1).norm(dim=1) - 1).square().mean()


def zero_centred_gradient_penalty(critic: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """E[||grad_x D(x)||^2] at images x (B,C,H,W), 0-d: R1 at real images, R2 at generated ones, but for the factor
    gamma / 2 (Mescheder et al. 2018, https://arxiv.org/abs/1801.04406, eq. 9, 10). Computed without autocast."""
    return scores_and_gradients(critic, x)[1].mean()


def scores_and_gradients(critic: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """D(x) (B,1) and ||grad_x D(x)||^2 (B,) of images x (B,C,H,W), by one pass. Computed without autocast."""
    x = x.detach().float().requires_grad_()
    with torch.autocast(x.device.type, enabled=False):
        score = critic(x)
        (grad,) = torch.autograd.grad(score.sum(), x, create_graph=True)
        return score, grad.square().flatten(1).sum(1)


def gaussian_kl(mean: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mean, exp(logvar)) || N(0, I)) in nats, (B,) (Kingma and Welling 2013, appendix B)."""
    return gaussian_kl_terms(mean, logvar).flatten(1).sum(1)


def gaussian_kl_terms(mean: Tensor, logvar: Tensor) -> Tensor:
    """The summands of `gaussian_kl`: the divergence of each dimension, in nats, of the inputs' shape."""
    mean, logvar = mean.float(), logvar.float()
    return 0.5 * (mean.square() + logvar.exp() - 1 - logvar)


def bernoulli_log_likelihood(x: Tensor, logits: Tensor) -> Tensor:
    """sum x log p + (1-x) log(1-p), p = sigmoid(logits), in nats, (B,); x in [0,1].

    A likelihood only where x is 0 or 1: on grey levels between it is a score, and does not compare with bits per
    dimension of 8-bit images.
    """
    return -binary_cross_entropy_with_logits(logits.float(), x.float(), reduction="none").flatten(1).sum(1)


def gaussian_log_likelihood(x: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """Log density of N(mean, exp(log_std)^2) at x, summed over an image, in nats, (B,)."""
    x, mean, log_std = x.float(), mean.float(), log_std.float()
    return (-0.5 * ((x - mean) * (-log_std).exp()).square() - log_std - 0.5 * math.log(2 * math.pi)).flatten(1).sum(1)


def discretized_logistic_log_likelihood(x: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """Log probability of the 256 levels of x in [-1,1] under a logistic distribution, in nats, (B,).

    The mass of each level's bin of width 2/255; the outermost bins take the tails, so the levels' probabilities sum
    to 1 (Salimans et al. 2017, PixelCNN++, eq. 2).
    """
    return discretized_logistic_log_terms(x, mean, log_scale).flatten(1).sum(1)


def discretized_logistic_log_terms(x: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """The summands of `discretized_logistic_log_likelihood`, of the inputs' shape."""
    x, mean, log_scale = x.float(), mean.float(), log_scale.float()
    upper = (x + 1 / 255 - mean) * (-log_scale).exp()
    width = 2 / 255 * (-log_scale).exp()
    lower = upper - width
    # sigmoid(upper) - sigmoid(lower) = sigmoid(upper) sigmoid(-lower) (1 - exp(-width)), free of cancellation
    inner = logsigmoid(upper) + logsigmoid(-lower) + (-torch.expm1(-width)).log()
    edges = torch.where(x > 254 / 255, logsigmoid(-lower), inner)
    return torch.where(x < -254 / 255, logsigmoid(upper), edges)


def discretized_gaussian_log_likelihood(x: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """Log probability of the 256 levels of x in [-1,1] under N(mean, exp(log_std)^2), in nats, (B,).

    The mass of each level's bin of width 2/255; the outermost bins take the tails, so the levels' probabilities sum
    to 1 (Ho et al. 2020, eq. 13). In float64 and by logarithms: exact in the tails too.
    """
    x, mean, log_std = x.double(), mean.double(), log_std.double()
    lower = torch.where(x < -254 / 255, -math.inf, (x - 1 / 255 - mean) * (-log_std).exp())
    upper = torch.where(x > 254 / 255, math.inf, (x + 1 / 255 - mean) * (-log_std).exp())
    right = lower > 0  # there the difference is taken in the mirror image, where the two masses are not both near 1
    lower, upper = torch.where(right, -upper, lower), torch.where(right, -lower, upper)
    log_upper = torch.special.log_ndtr(upper)
    return (log_upper + (-torch.expm1(torch.special.log_ndtr(lower) - log_upper)).log()).flatten(1).sum(1).float()


def linear_betas(steps: int) -> Tensor:
    """The noise variances beta_1..beta_T of Ho et al. (2020), section 4: 1e-4 to 0.02 in equal steps; (T,) float64.

    For another T than the paper's 1000 they are scaled by 1000/T, and capped at 0.999, so that as much noise is added
    in all (Nichol and Dhariwal's code does so).
    """
    return (torch.linspace(1e-4, 0.02, steps, dtype=torch.float64) * (1000 / steps)).clamp(max=0.999)


def cosine_betas(steps: int) -> Tensor:
    """The noise variances whose alpha-bar falls as a cosine (Nichol and Dhariwal 2021, eq. 17, s = 0.008), capped at
    0.999; (T,) float64."""
    t = torch.arange(steps + 1, dtype=torch.float64) / steps
    alpha_bar = torch.cos((t + 0.008) / 1.008 * math.pi / 2).square()
    return (1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=0.999)
