"""Multi-scale structural similarity (Wang, Simoncelli and Bovik 2003, eq. 7), https://doi.org/10.1109/ACSSC.2003.1292216.

Contrast and structure at every scale, luminance at the coarsest alone, each to the power of its weight in the paper;
from scale to scale the image is averaged over 2 x 2 pixels and halved. The window is SSIM's. The paper has five scales,
for which an image needs 176 pixels a side. A smaller image has as many as leave the coarsest no smaller than the
window, the paper's weights of these scaled to the sum of all five: two at 32 px, three at 64 px.
Values at different numbers of scales do not compare; their number is kept beside the figure.
"""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from paragone.evaluation.metrics import ssim
from paragone.evaluation.metrics.base import Reconstructed

needs = Reconstructed
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, the finest first


def scales(height: int, width: int) -> int:
    """How many scales images of this size have; 0 if they are smaller than the window."""
    side = min(height, width)
    return sum(side >> i >= ssim.WINDOW for i in range(len(WEIGHTS)))


def ms_ssim(x: Tensor, y: Tensor) -> Tensor:
    """Multi-scale structural similarity of uint8 images (N,H,W,C), H and W at least 22, in 0..1; (N,) float64.

    A negative term counts as 0: its power is not a real number. Each channel has its own value; the mean is returned.
    """
    count = scales(*x.shape[1:3])
    if count < 2:
        raise ValueError(f"images of {x.shape[1]}x{x.shape[2]} have no second scale for MS-SSIM; it needs 22x22")
    weights = torch.tensor(WEIGHTS[:count], dtype=torch.float64)
    weights *= sum(WEIGHTS) / weights.sum()
    a, b = (z.permute(0, 3, 1, 2).double() for z in (x, y))
    result = torch.ones(a.shape[:2], dtype=torch.float64)  # (N,C)
    for i, weight in enumerate(weights.tolist()):
        luminance, structure = ssim.terms(a, b)
        term = structure * luminance if i == count - 1 else structure
        result = result * term.flatten(2).mean(2).clamp(min=0) ** weight
        a, b = avg_pool2d(a, 2), avg_pool2d(b, 2)
    return result.mean(1)


def compute(view: Reconstructed) -> dict[str, float | int]:
    """ms_ssim: mean over images, higher is better; ms_ssim_scales. Absent where images have no second scale."""
    count = scales(*view.images.shape[1:3])
    if count < 2:
        return {}
    parts = [ms_ssim(*pair) for pair in ssim.batches(view)]
    return {"ms_ssim": float(torch.cat(parts).mean()), "ms_ssim_scales": count}
