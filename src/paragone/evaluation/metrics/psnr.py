"""Peak signal-to-noise ratio and mean squared error of reconstructions."""

import torch
from torch import Tensor

from paragone.evaluation.metrics.base import Reconstructed

needs = Reconstructed


def mse(x: Tensor, y: Tensor) -> Tensor:
    """Mean squared difference over the pixels of each image, in 0..1 (255 is 1). uint8 (N,H,W,C) to float64 (N,)."""
    return ((x.double() - y.double()) / 255).square().flatten(1).mean(1)


def psnr(x: Tensor, y: Tensor) -> Tensor:
    """-10 log10 MSE of each image, in dB; infinite for equal images; (N,)."""
    return -10 * torch.log10(mse(x, y))


def compute(view: Reconstructed) -> dict[str, float]:
    """psnr: mean over images, in dB, higher is better (not finite if an image is reproduced exactly); mse, lower."""
    x, y = view.images, view.reconstructions
    return {"psnr": float(psnr(x, y).mean()), "mse": float(mse(x, y).mean())}
