"""A mark put in at generation: in the noise that a deterministic diffusion sampler starts from.

After Wen et al. 2023, "Tree-ring watermarks", https://arxiv.org/abs/2305.20030: rings about the origin of the noise's
Fourier transform are set to the key, one complex number a ring, and the image is drawn as ever. To trace an image, its
noise is estimated by running DDIM backwards (each step with the epsilon of the image before it; from the image itself,
taken for x at the first step), and its rings are compared with the key by their mean absolute difference. Nothing is
added to pixels: what the mark costs is whether marked images are still as near to the data as others.

Each run has a key of its own, drawn as the transform of noise. An image counts as detected below a threshold, the
highest at which at most `rate` of one half of the unmarked images pass, changed in the same ways; the other half says
what passes in truth. The changes are those of the study `watermark`.

Deviations: the rings begin at `inner` (the authors' at the origin, of larger latents): in images this small the lowest
frequencies of the noise decide what is drawn, and with these marked all digits were ones. Real noise has a symmetric
transform, so the rings' values are symmetric too (the authors keep the real part of the marked noise, which halves what
is not); all channels are marked.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from paragone.data import base as datasets
from paragone.data.pixels import to_float
from paragone.engine import checkpoint, hardware
from paragone.engine.sampling import quantise
from paragone.engine.seeding import Stream, seed_all
from paragone.evaluation import protocol
from paragone.evaluation.metrics.base import Statistics
from paragone.evaluation.metrics.frechet import frechet_distance
from paragone.evaluation.spaces import over_judges
from paragone.evaluation.studies import watermark
from paragone.evaluation.studies.base import Work, track
from paragone.models.diffusion import ddim
from paragone.project import paths

SPACE = "classifier"
BATCH = 50
CHANGES = ("none", "jpeg 75", "resize 0.5", "crop 0.9", "noise 5")


@dataclass(frozen=True, kw_only=True)
class Options:
    row: str = "ddim"  # a deterministic DDIM
    n: int = 100  # images of each run, marked and unmarked
    inner: int = 5  # the first ring's distance from the origin, in cycles an image: lower ones decide what is drawn
    radius: int = 8  # the last ring's
    rate: float = 0.01  # of unmarked images that may pass for marked

    def __post_init__(self) -> None:
        if self.n < 10 or not 1 <= self.inner <= self.radius or not 0 < self.rate < 1:
            given = f"{self.n}, {self.inner}, {self.radius}, {self.rate}"
            raise ValueError(f"n, inner, radius and rate are {given}; give 10 or more, rings from 1 up, and a share")


def depends(work: Work) -> list[Path]:
    """The row's weights, the real data, classifiers and references."""
    runs = work.runs(work.options.row)
    of_data = [
        [paths.prepared(run.dataset), paths.classifier(run.dataset), paths.reference(run.profile, run.dataset)]
        for run in runs
    ]
    return [*dict.fromkeys(file for files in of_data for file in files), *(run.weights for run in runs)]


def measure(work: Work) -> dict[str, Any]:
    """{data set: {runs: [{seed, fd: {"marked" | "unmarked"}, threshold, changes: {change: {detected, passed, n}}}]}}:
    detected of the marked images, passed of unmarked ones that set no threshold.

    Raises ValueError for a row that is no deterministic DDIM.
    """
    found: dict[str, Any] = {}
    for run in track(work.runs(work.options.row), "noise watermark", "runs"):
        model, meta = checkpoint.load_model(work.root / run.weights)
        measured = found.setdefault(run.dataset, {"runs": [], "diverged": []})
        if meta["outcome"] != "finished":
            measured["diverged"].append({"seed": run.seed, "reason": meta["reason"]})
        elif not isinstance(model, ddim.DDIM) or "latents" not in model.capabilities:
            raise ValueError(f"{run.dataset}: row '{run.model}' is no deterministic DDIM (eta 0); name one as `row`")
        else:
            measured["runs"].append({"seed": run.seed, **_of_run(work, run, model)})
    names = ("row", "n", "inner", "radius", "rate")
    return {**{name: getattr(work.options, name) for name in names}, "changes": list(CHANGES), "datasets": found}


def _of_run(work: Work, run: paths.Run, model: ddim.DDIM) -> dict[str, Any]:
    options: Options = work.options
    device = hardware.device()
    model = hardware.place(model.eval(), device)
    seed_all(run.seed, Stream.EVALUATE, 0)
    noise = torch.randn(options.n, *model.shape)
    rings = key(torch.randn(model.shape), options.inner, options.radius)
    images = {name: _drawn(model, x) for name, x in (("unmarked", noise), ("marked", mark(noise, rings)))}
    found: dict[str, Any] = {"fd": _distances(work, run, images), "changes": {}}
    apart = {
        change: {name: _differences(model, _changed(part, change), rings) for name, part in images.items()}
        for change in CHANGES
    }
    setting = torch.cat([by["unmarked"][::2] for by in apart.values()])
    found["threshold"] = threshold = float(setting.quantile(options.rate, interpolation="lower"))
    for change, by in apart.items():
        passed = by["unmarked"][1::2] < threshold
        detected = by["marked"] < threshold
        counts = {"detected": int(detected.sum()), "n": len(detected), "passed": int(passed.sum())}
        found["changes"][change] = {**counts, "n_unmarked": len(passed)}
    return found


def places(shape: tuple[int, int, int], inner: int, radius: int) -> Tensor:
    """(H,W): the ring of each frequency of a shifted transform, 0 outside of the rings."""
    _, h, w = shape
    y, x = torch.meshgrid(torch.arange(h) - h // 2, torch.arange(w) - w // 2, indexing="ij")
    ring = torch.hypot(y.double(), x.double()).round().long()
    return torch.where((ring >= inner) & (ring <= radius), ring, 0)


def key(noise: Tensor, inner: int, radius: int) -> tuple[Tensor, Tensor]:
    """The rings (H,W) and their values (C,H,W), real, as a symmetric transform has on a ring of one value: each is the
    real part at a place on the ring of the noise's (C,H,W) transform, scaled to the power of the whole."""
    ring = places(cast(tuple[int, int, int], tuple(noise.shape)), inner, radius)
    spectrum = torch.fft.fftshift(torch.fft.fft2(noise), dim=(-2, -1))
    values = torch.zeros_like(noise)
    for r in range(inner, radius + 1):
        y, x = (ring == r).nonzero()[0].tolist()
        values[:, ring == r] = 2**0.5 * spectrum[:, y, x].real[:, None]
    return ring, values


def mark(noise: Tensor, rings: tuple[Tensor, Tensor]) -> Tensor:
    """The noise (N,C,H,W) with its rings set to the key."""
    ring, values = rings
    spectrum = torch.fft.fftshift(torch.fft.fft2(noise), dim=(-2, -1))
    spectrum = torch.where(ring > 0, values.to(spectrum.dtype), spectrum)
    return torch.fft.ifft2(torch.fft.ifftshift(spectrum, dim=(-2, -1))).real


def _drawn(model: ddim.DDIM, noise: Tensor) -> Tensor:
    """Images (N,H,W,C) uint8 of noise (N,C,H,W)."""
    device = model.times.device
    return torch.from_numpy(np.concatenate([quantise(model.decode(x.to(device))) for x in noise.split(BATCH)]))


def _changed(images: Tensor, change: str) -> Tensor:
    """Images (N,H,W,C), each taken through a change of `watermark` in RGB."""
    changed = [
        watermark.CHANGES[change](np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3))))
        for image in images.numpy()
    ]
    pixels = torch.from_numpy(np.stack(changed))
    if images.shape[3] == 1:
        return pixels.float().mean(3, keepdim=True).round().to(torch.uint8)
    return pixels


@torch.no_grad()
def invert(model: ddim.DDIM, images: Tensor) -> Tensor:
    """The noise (N,C,H,W) that a DDIM may have drawn images (N,H,W,C) uint8 from: its steps, backwards."""
    steps, found, ddpm = model.times.tolist(), [], model.ddpm
    for part in images.split(BATCH):
        x = to_float(part.to(model.times.device))
        for now, then in pairwise(steps):
            a, b = ddpm.alpha_bar[now], ddpm.alpha_bar[then]
            x0 = ddpm.unclipped_x0(x, torch.full((len(x),), now, device=x.device))
            eps = (x - a.sqrt() * x0) / (1 - a).sqrt()
            x = b.sqrt() * x0 + (1 - b).sqrt() * eps  # eq. 12 of DDIM without noise, towards a later step
        found.append(x.cpu())
    return torch.cat(found)


def _differences(model: ddim.DDIM, images: Tensor, rings: tuple[Tensor, Tensor]) -> Tensor:
    """(N,): how far the rings of the images' noise lie from the key, over the standard deviation of noise."""
    ring, values = rings
    spectrum = torch.fft.fftshift(torch.fft.fft2(invert(model, images)), dim=(-2, -1))
    apart = (spectrum - values)[:, :, ring > 0].abs().flatten(1).mean(1)
    return apart / (ring.numel() ** 0.5)


def _distances(work: Work, run: paths.Run, images: dict[str, Tensor]) -> dict[str, float]:
    """The Frechet distance of marked and of unmarked images, as many of either."""
    train = datasets.load(work.root / paths.prepared(run.dataset), "train")
    extractors = protocol.load_extractors(work.root, run.dataset, [SPACE])
    reference = protocol.load(work.root / paths.reference(work.profile, run.dataset), extractors, train)
    ((name, extractor),) = extractors.items()
    found = {}
    for kind, part in images.items():
        features = extractor.extract(part, hardware.device()).values
        space = reference.spaces[name]
        by_judge = over_judges(
            space, features, lambda real, x: {"fd": frechet_distance(real.statistics, Statistics.of(x))}
        )
        found[kind] = by_judge["fd"]
    return found
