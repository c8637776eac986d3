"""Spectral normalisation of a layer's weight.

Miyato et al. 2018, https://arxiv.org/abs/1802.05957, algorithm 1. PyTorch's own (torch.nn.utils.parametrizations) fails
under autocast on GPUs, where its matrix products are bfloat16 and its vectors float32.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils import parametrize


class SpectralNorm(nn.Module):
    """W (out,...) -> W / sigma(W), sigma by one power iteration; in float32, under autocast too.

    The vector of the power iteration is a buffer; it moves in training mode alone.
    """

    u: Tensor

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.register_buffer("u", normalize(torch.randn(rows), dim=0))

    def forward(self, weight: Tensor) -> Tensor:
        device = "cpu" if weight.is_meta else weight.device.type  # autocast knows no meta device
        with torch.autocast(device, enabled=False):
            matrix = weight.flatten(1)
            with torch.no_grad():
                v = normalize(matrix.T @ self.u, dim=0)
                u = normalize(matrix @ v, dim=0)
                if self.training:
                    self.u.copy_(u)
            return weight / (u @ (matrix @ v))


def spectral_norm(module: nn.Module) -> None:
    """For `apply`: normalise the weight of a convolution or a linear layer, whenever it is used."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        parametrize.register_parametrization(module, "weight", SpectralNorm(len(module.weight)))
