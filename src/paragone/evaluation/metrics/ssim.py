"""Structural similarity (Wang et al. 2004, eq. 13), https://doi.org/10.1109/TIP.2003.819861.

As in the paper: a Gaussian window of sigma 1.5, 11 pixels wide, weighted (not sample) covariances, averaged over the
positions where the window fits, K1 = 0.01 and K2 = 0.03; channels averaged.
"""

import torch
from torch import Tensor

from paragone.evaluation.metrics.base import Reconstructed

needs = Reconstructed
SIGMA, RADIUS = 1.5, 5
WINDOW = 2 * RADIUS + 1
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def ssim(x: Tensor, y: Tensor) -> Tensor:
    """Structural similarity of uint8 images (N,H,W,C), H and W at least 11, in -1..1; (N,) float64."""
    if min(x.shape[1:3]) < WINDOW:
        raise ValueError(f"images of {x.shape[1]}x{x.shape[2]} are smaller than the window of SSIM, 11x11")
    luminance, structure = terms(*(z.permute(0, 3, 1, 2).double() for z in (x, y)))
    return (luminance * structure).flatten(1).mean(1)


def terms(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Luminance (eq. 6) and contrast times structure (eq. 9 and 10) of levels (N,C,H,W) at each place of the window."""
    mu_a, mu_b = _blur(a), _blur(b)
    var_a, var_b = _blur(a * a) - mu_a**2, _blur(b * b) - mu_b**2
    cov = _blur(a * b) - mu_a * mu_b
    return (2 * mu_a * mu_b + C1) / (mu_a**2 + mu_b**2 + C1), (2 * cov + C2) / (var_a + var_b + C2)


def _blur(x: Tensor) -> Tensor:
    """Gaussian mean where the window fits: (N,C,H,W) to (N,C,H-10,W-10), by two matrix products; in float64 PyTorch's
    convolution takes several times as long."""
    rows, columns = (_window(size, x) for size in x.shape[2:])
    return rows @ x @ columns.T


def _window(size: int, like: Tensor) -> Tensor:
    """(size-10,size): in each row the window's weights at one place."""
    at = torch.arange(size, dtype=like.dtype, device=like.device)
    away = at - at[RADIUS : size - RADIUS, None]
    weights = torch.exp(-(away**2) / (2 * SIGMA**2)) * (away.abs() <= RADIUS)
    return weights / weights.sum(1, keepdim=True)


def compute(view: Reconstructed) -> dict[str, float]:
    """ssim: mean over images; higher is better. Absent where images are smaller than the window."""
    if min(view.images.shape[1:3]) < WINDOW:
        return {}
    return {"ssim": float(torch.cat([ssim(*pair) for pair in batches(view)]).mean())}


def batches(view: Reconstructed, size: int = 250) -> list[tuple[Tensor, Tensor]]:
    """Images and reconstructions, some at a time."""
    return list(zip(view.images.split(size), view.reconstructions.split(size), strict=True))
