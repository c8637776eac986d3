"""How near translations come to the true partners: SSIM, PSNR, MSE and the mean absolute difference (L1)."""

from torch import Tensor

from paragone.evaluation.metrics import ms_ssim, psnr, ssim
from paragone.evaluation.metrics.base import Reconstructed, Translated

needs = Translated


def l1(x: Tensor, y: Tensor) -> Tensor:
    """Mean absolute difference over the pixels of each image, in 0..1 (255 is 1). uint8 (N,H,W,C) to float64 (N,)."""
    return ((x.double() - y.double()) / 255).abs().flatten(1).mean(1)


def compute(view: Translated) -> dict[str, float | int]:
    """l1: mean over images, lower is better; ssim, ms_ssim, psnr and mse as of reconstructions."""
    pairs = Reconstructed(view.partners, view.translations)
    found = {**ssim.compute(pairs), **ms_ssim.compute(pairs), **psnr.compute(pairs)}
    return {**found, "l1": float(l1(view.partners, view.translations).mean())}
