"""How sharp samples are, beside real test images: what a Frechet distance mixes with everything else.

As in Tolstikhin et al. 2018 ("Wasserstein auto-encoders", section 4, https://arxiv.org/abs/1711.01558): an image in
grey is filtered by the Laplace operator, which finds edges, where its window fits; the variance of what comes out is
averaged over the images. Blur lowers it, and so do blank images; noise raises it: it is read beside a distance, never
alone. It compares images of one data set at one resolution.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from paragone.data import base as datasets
from paragone.evaluation.studies.base import Work
from paragone.project import paths

LUMA = np.array([0.2125, 0.7154, 0.0721])  # of red, green and blue (ITU-R BT.709, as in scikit-image)


@dataclass(frozen=True, kw_only=True)
class Options:
    rows: tuple[str, ...] = ("gan", "dcgan", "vae")
    n: int = 1000  # images of each, at most


def depends(work: Work) -> list[Path]:
    """The rows' samples, and the real data."""
    runs = [run for row in work.options.rows for run in work.runs(row)]
    return [*dict.fromkeys(paths.prepared(run.dataset) for run in runs), *(run.samples for run in runs)]


def measure(work: Work) -> dict[str, Any]:
    """{data set: {"real": {sharpness, n}, "rows": {row: [{seed, sharpness, n}]}}}; diverged runs are left out."""
    found: dict[str, Any] = {}
    for row in work.options.rows:
        for run in work.runs(row):
            if run.dataset not in found:
                real = datasets.load(work.root / paths.prepared(run.dataset), "test").images.numpy()
                found[run.dataset] = {"real": _figure(real[: work.options.n]), "rows": {}}
            samples = np.load(work.root / run.samples)
            if samples.size:
                figures = found[run.dataset]["rows"].setdefault(row, [])
                figures.append({"seed": run.seed, **_figure(samples[: work.options.n])})
    return {"rows": list(work.options.rows), "datasets": found}


def _figure(images: npt.NDArray[np.uint8]) -> dict[str, float]:
    return {"sharpness": float(sharpness(images).mean()), "n": len(images)}


def sharpness(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Variance of the Laplacian of images (N,H,W,C) in grey, pixels in 0 to 1; (N,)."""
    grey = images[..., 0] / 255 if images.shape[-1] == 1 else images / 255 @ LUMA  # (N,H,W)
    edges = np.stack([ndimage.laplace(image)[1:-1, 1:-1] for image in grey])
    found: npt.NDArray[np.float64] = edges.var(axis=(1, 2))
    return found
