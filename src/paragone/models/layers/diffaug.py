"""Differentiable augmentation of whatever a discriminator sees.

Zhao, Liu, Lin, Zhu, Han 2020, https://arxiv.org/abs/2006.10738: each image is changed in colour, shifted and cut out,
at random, in every batch.
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

from paragone.models.layers.ada import cut_out


def augment(x: Tensor, often: float = 1.0, cut: float = 1.0) -> Tensor:
    """x (B,C,H,W) in [-1,1] -> the same shape: brightness, saturation, contrast; a shift; a square set to 0.

    often: the probability of each of the first four, for each image; cut: that of the square.
    """
    return cut_out(shift(_colour(x.float(), often), often), torch.full((), cut, device=x.device))


def _colour(x: Tensor, often: float) -> Tensor:
    """Adds up to 0.5; scales distances from a pixel's mean colour by 0 to 2, from the image's mean by 0.5 to 1.5."""
    amount = torch.rand(len(x), 3, 1, 1, 1, device=x.device) - 0.5
    brightness, saturation, contrast = (amount * (torch.rand_like(amount) < often)).unbind(1)  # 0 changes nothing
    x = x + brightness
    x = x + (x - x.mean(1, keepdim=True)) * 2 * saturation
    return x + (x - x.mean((1, 2, 3), keepdim=True)) * contrast


def shift(x: Tensor, often: float = 1.0) -> Tensor:
    """Each image moved by whole pixels, up to an eighth of the side, with 0 where nothing was: (B,C,H,W)."""
    n, _, h, w = x.shape
    most = max(1, h // 8)
    moved = torch.rand(n, 1, device=x.device) < often
    dy, dx = (torch.randint(-most, most + 1, (n, 2), device=x.device) * moved).unbind(1)
    rows = torch.arange(h, device=x.device) + most - dy[:, None]  # (n,h), in the padded image
    columns = torch.arange(w, device=x.device) + most - dx[:, None]
    image = torch.arange(n, device=x.device)[:, None, None]
    padded = pad(x, [most] * 4).permute(0, 2, 3, 1)  # (n,H,W,C)
    return padded[image, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
