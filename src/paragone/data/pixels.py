"""The two forms of images: bytes as they are stored, and floats as models see them."""

import torch
from torch import Tensor


def to_float(images: Tensor) -> Tensor:
    """Images (B,H,W,C) uint8 to (B,C,H,W) float32 in [-1,1], channels last in memory."""
    return images.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def binarised(images: Tensor) -> Tensor:
    """Images (B,H,W,C) uint8 with levels 0 and 255, drawn: 255 with the probability of the grey level."""
    drawn = torch.randint(255, images.shape, device=images.device)  # 0 to 254: a level of 255 is always on
    return (drawn < images).to(torch.uint8).mul_(255)


def to_uint8(images: Tensor) -> Tensor:
    """Images (B,C,H,W) in [-1,1] to (B,H,W,C) uint8, rounded to the nearest level and clipped."""
    levels = images.float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous()
