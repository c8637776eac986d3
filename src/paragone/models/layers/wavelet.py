"""The orthonormal Haar transform of images: four half-size subbands for each channel, and back without loss."""

import torch
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

# of the four pixels of a 2 x 2 square, row by row: their sum, and the differences across, down and along the diagonals;
# symmetric and orthogonal, so that it is its own inverse
_HAAR = ((0.5, 0.5, 0.5, 0.5), (0.5, -0.5, 0.5, -0.5), (0.5, 0.5, -0.5, -0.5), (0.5, -0.5, -0.5, 0.5))


def haar(x: Tensor) -> Tensor:
    """(B,C,2H,2W) -> (B,4C,H,W): of channel c, the subbands at 4 c to 4 c + 3, the low one first."""
    return _transform(pixel_unshuffle(x, 2))


def inverse_haar(y: Tensor) -> Tensor:
    """(B,4C,H,W) -> (B,C,2H,2W)."""
    return pixel_shuffle(_transform(y), 2)


def _transform(x: Tensor) -> Tensor:
    matrix = torch.tensor(_HAAR, device=x.device, dtype=x.dtype)
    return torch.einsum("ij,bcjhw->bcihw", matrix, x.unflatten(1, (-1, 4))).flatten(1, 2)
