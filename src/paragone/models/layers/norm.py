"""Normalisations that several papers share."""

import torch
from torch import Tensor, nn
from torch.nn.functional import group_norm


class GroupNorm(nn.GroupNorm):
    """Group normalisation (Wu & He, 2018), (B,C,...) -> the same shape in float32, under autocast too.

    It takes 32 groups as DDPM does, and fewer (a power of two) where that would leave less than 4 channels a group.
    In bfloat16 its backward pass is several times slower on a CPU, and its statistics are coarse.
    """

    def __init__(self, channels: int) -> None:
        groups = next(g for g in (32, 16, 8, 4, 2, 1) if g == 1 or (channels % g == 0 and channels >= 4 * g))
        super().__init__(groups, channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return group_norm(x.float(), self.num_groups, self.weight, self.bias, self.eps)


def adain(x: Tensor, scale: Tensor, shift: Tensor, eps: float = 1e-8) -> Tensor:
    """Each feature map of x (B,C,...) with mean `shift` and standard deviation |scale|, (B,C) each, in float32.

    Adaptive instance normalisation (Huang and Belongie 2017, https://arxiv.org/abs/1703.06868, eq. 8).
    """
    places = list(range(2, x.ndim))
    x = x.float()
    x = x - x.mean(places, keepdim=True)
    var = x.square().mean(places, keepdim=True)  # in two passes: torch.var_mean takes several times as long on a CPU
    shape = (*scale.shape, *[1] * (x.ndim - 2))
    return x * ((var + eps).rsqrt() * scale.view(shape)) + shift.view(shape)
