"""Vector quantisation with a learned codebook (van den Oord et al., 2017, https://arxiv.org/abs/1711.00937)."""

from typing import NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn


class Quantized(NamedTuple):
    """A feature map put on the codebook."""

    straight: Tensor  # (B,D,h,w): the codes, whose gradient is handed to the features unchanged (section 3.2)
    codes: Tensor  # (B,D,h,w): the codes, whose gradient goes to the codebook
    indices: Tensor  # (B,h,w) int64


class Quantizer(nn.Module):
    """A codebook of K vectors of D dimensions: features (B,D,h,w) -> the nearest code of each position (eq. 1, 2).

    learned=True: the codebook is a parameter. learned=False: it is a buffer that `update` moves to the running means of
    the features assigned to it (appendix A.1).
    """

    codebook: Tensor  # (K,D)
    count: Tensor  # (K,): N of eq. 6, the running number of features per batch for each code
    total: Tensor  # (K,D): m of eq. 7, their running sum

    def __init__(self, codes: int, dim: int, *, learned: bool = True) -> None:
        super().__init__()
        codebook = torch.empty(codes, dim).uniform_(-1 / codes, 1 / codes)
        if learned:
            self.codebook = nn.Parameter(codebook)
        else:
            self.register_buffer("codebook", codebook)
            self.register_buffer("count", torch.ones(codes))
            self.register_buffer("total", codebook.clone())

    def indices(self, z: Tensor) -> Tensor:
        """The nearest code of each position of z (B,D,h,w), (B,h,w) int64; in float32 under autocast too."""
        with torch.autocast(z.device.type, enabled=False):
            flat, e = z.detach().float().movedim(1, -1), self.codebook.detach().float()  # (B,h,w,D)
            return (e.square().sum(1) - 2 * flat @ e.T).argmin(-1)  # |z - e|^2 without |z|^2

    def lookup(self, indices: Tensor) -> Tensor:
        """The codes at indices (B,h,w): (B,D,h,w)."""
        return nn.functional.embedding(indices, self.codebook).movedim(-1, 1)

    def forward(self, z: Tensor) -> Quantized:
        z = z.float()
        indices = self.indices(z)
        codes = self.lookup(indices)
        return Quantized(z + (codes - z).detach(), codes, indices)

    @torch.no_grad()
    def update(self, z: Tensor, indices: Tensor, decay: float, restart: float = 0.0) -> None:
        """Move the codebook by a batch of features z (B,D,h,w) and their codes: eq. 6 to 8; over all ranks.

        A code whose running count falls below `restart` is put on a feature drawn at random from the batch.
        """
        flat = z.detach().float().movedim(1, -1).flatten(0, 2)  # (B h w,D)
        count = counts(indices, len(self.count))
        total = torch.zeros_like(self.total).index_add_(0, indices.flatten(), flat)
        fresh = flat[torch.randperm(len(flat), device=flat.device)[: len(count)]]
        if dist.is_initialized():
            dist.all_reduce(count)
            dist.all_reduce(total)
            dist.broadcast(fresh, 0)
        self.count.lerp_(count, 1 - decay)
        self.total.lerp_(total, 1 - decay)
        dead, mass = self.count < restart, max(restart, 1.0)
        place = dead.cumsum(0) - 1  # of a dead code among the dead ones: its feature
        moved = dead & (place < len(fresh))
        self.count.masked_fill_(moved, mass)
        self.total.copy_(torch.where(moved[:, None], fresh[place.clamp(0, len(fresh) - 1)] * mass, self.total))
        self.codebook.copy_(self.total / self.count.clamp(min=1e-5)[:, None])


def counts(indices: Tensor, codes: int) -> Tensor:
    """How often each of the codes 0..codes-1 is among the indices (...) int64: (codes,) float32."""
    flat = indices.flatten()  # bincount would have a program wait for a GPU
    return torch.zeros(codes, device=flat.device).index_add_(0, flat, torch.ones(len(flat), device=flat.device))
