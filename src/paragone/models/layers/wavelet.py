"""The orthonormal Haar transform of images: four half-size subbands for each channel, and back without loss."""

import torch
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle


def haar(x: Tensor) -> Tensor:
    """(B,C,2H,2W) -> (B,4C,H,W): of channel c, the subbands at 4 c to 4 c + 3, the low one first."""
    return _transform(pixel_unshuffle(x, 2))


def inverse_haar(y: Tensor) -> Tensor:
    """(B,4C,H,W) -> (B,C,2H,2W)."""
    return pixel_shuffle(_transform(y), 2)


def _transform(x: Tensor) -> Tensor:
    """Of the four pixels of a 2 x 2 square, row by row, half their sum and their differences across, down and along the
    diagonals; the matrix is symmetric and orthogonal, so this is its own inverse."""
    i = torch.arange(4, device=x.device)
    both = i[:, None] & i
    negative = (both ^ both >> 1) & 1
    matrix = (0.5 - negative).to(x.dtype)
    return torch.einsum("ij,bcjhw->bcihw", matrix, x.unflatten(1, (-1, 4))).flatten(1, 2)
