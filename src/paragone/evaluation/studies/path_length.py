"""How fast images change along a path between two latents: perceptual path length.

Karras et al. 2019 (StyleGAN, https://arxiv.org/abs/1812.04948, section 4.1), of a generator g and a mapping f:

    l_Z    E[d(g(f(slerp(z_1, z_2; t))), g(f(slerp(z_1, z_2; t + epsilon)))) / epsilon^2]
    l_W    E[d(g(lerp(f(z_1), f(z_2); t)), g(lerp(f(z_1), f(z_2); t + epsilon))) / epsilon^2]

z_1, z_2 are drawn from the prior, epsilon is 1e-4, and t is uniform in [0, 1] (`full`) or 0 (`end`). As in the authors'
code the mean is that of the distances between their 1st and 99th percentile. A latent without a mapping has l_Z alone,
and one that is uniform in a box is walked in a straight line. Noise belongs to its pixels: both images have the same.

d is the form of LPIPS (Zhang et al. 2018, https://arxiv.org/abs/1801.03924, eq. 1) in a network of ours, `features`:
the squared difference of unit features, averaged over places and summed over layers, all weights 1. The paper has VGG16
with learned weights, and its faces are cropped; nothing is cropped here. So lengths compare between rows of one study,
on one data set, and not with the paper's.

A short path is no merit by itself: a generator that draws one image has length 0. Read it beside quality.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from paragone.engine import hardware
from paragone.engine.seeding import Stream, seed_all
from paragone.evaluation import factors
from paragone.evaluation.factors import BATCH, Floats
from paragone.evaluation.studies.base import Work
from paragone.models.base import Model
from paragone.project import paths, registry

EPSILON = 1e-4
SPACES: tuple[Literal["z", "w"], ...] = ("z", "w")
SAMPLING = ("full", "end")  # where on a path: anywhere, or at its beginning


@dataclass(frozen=True, kw_only=True)
class Options:
    rows: tuple[str, ...] = ("progan", "stylegan")
    features: str = "lite0"  # the network that d is measured in: a file of evaluation/extractors with feature maps
    n: int = 2000  # paths of each run, space and sampling; the paper has 100,000

    def __post_init__(self) -> None:
        if self.n < 100:
            raise ValueError(f"n is {self.n}; it must be at least 100, or there is no 1st percentile")
        if self.features not in (known := registry.feature_networks()):
            raise ValueError(f"features is '{self.features}'; choose from {', '.join(known)}")


def depends(work: Work) -> list[Path]:
    """The weights of the rows, and those of the network where the data set's own measures."""
    by_dataset = factors.runs_by_dataset(work)
    own = map(paths.classifier, by_dataset) if work.options.features == "classifier" else ()
    return [*own, *(run.weights for runs in by_dataset.values() for run in runs)]


def measure(work: Work) -> dict[str, Any]:
    """{features, epsilon, n, datasets: {data set: {rows: {row: [{seed, z: {full, end}, w: the same or null}]},
    diverged}}}.

    Raises ValueError for a row without a latent that is a vector.
    """
    options, found = work.options, {}
    for dataset, runs in factors.runs_by_dataset(work).items():
        extractor = registry.load("extractors", options.features).load(work.root, dataset).first
        rows: dict[str, list[dict[str, Any]]] = {run.model: [] for run in runs}
        diverged: list[dict[str, Any]] = []
        for run, model in factors.finished(work, runs, diverged):
            if not model.capabilities >= {"latents", "decode"} or "label" in model.needs:
                raise ValueError(
                    f"{dataset}: row '{run.model}' has no latents that it decodes without labels; name a GAN"
                )
            lengths = assess(model, extractor.feature_network(), options.n, run.seed)
            rows[run.model].append({"seed": run.seed, **lengths})
        found[dataset] = {"rows": rows, "diverged": diverged}
    return {"features": options.features, "epsilon": EPSILON, "n": options.n, "datasets": found}


def assess(model: Model, features: nn.Module, n: int, seed: int) -> dict[str, dict[str, float] | None]:
    """The path lengths of one model, in each of its spaces and by each sampling."""
    device = hardware.device()
    able = cast(Any, hardware.place(model.eval(), device))
    features = features.to(device)
    found: dict[str, dict[str, float] | None] = {}
    for space in SPACES:
        if space == "w" and not hasattr(able, "mapping"):
            found[space] = None
            continue
        lengths = {}
        for sampling in SAMPLING:
            seed_all(seed, Stream.EVALUATE, 0)  # the same ends for all
            with torch.no_grad():
                parts = [_distances(able, features, min(BATCH, n - i), space, sampling) for i in range(0, n, BATCH)]
            lengths[sampling] = inner_mean(np.concatenate(parts))
        found[space] = lengths
    return found


def inner_mean(values: Floats) -> float:
    """The mean without what lies beyond the 1st and the 99th percentile."""
    low, high = np.percentile(values, 1, method="lower"), np.percentile(values, 99, method="higher")
    return float(values[(values >= low) & (values <= high)].mean())


def _distances(able: Any, features: nn.Module, n: int, space: str, sampling: str) -> Floats:
    """d / epsilon^2 of n paths."""
    ends, others = able.latents(n), able.latents(n)
    a, b = (found[0] if isinstance(found, tuple) else found for found in (ends, others))
    if a.ndim != 2:
        raise ValueError(f"{able.title} has latents that are no vector; name a GAN with one")
    t = torch.rand(n, 1, device=a.device, dtype=torch.float64) * (sampling == "full")
    if space == "w":
        a, b = able.mapping(a), able.mapping(b)
    straight = space == "w" or able.latent_prior == "uniform"
    with _starting_from_w(able) if space == "w" else contextlib.nullcontext():
        near, far = (_decode(able, ends, between(a, b, at, straight)) for at in (t, t + EPSILON))
    return (distance(features, near, far) / EPSILON**2).cpu().numpy()


def between(a: Tensor, b: Tensor, t: Tensor, straight: bool) -> Tensor:
    """The points at the shares t (n,1) of the ways from a to b (n,J): straight, or along great circles with lengths in
    proportion, in float64 and back."""
    start, end = a.double(), b.double()
    if straight:
        return torch.lerp(start, end, t).to(a.dtype)
    (u, v), (p, q) = (normalize(x, dim=1) for x in (start, end)), (x.norm(dim=1, keepdim=True) for x in (start, end))
    cosine = (u * v).sum(1, keepdim=True)
    across = normalize(v - cosine * u, dim=1)
    angle = t * cosine.clamp(-1, 1).acos()
    return (torch.lerp(p, q, t) * (angle.cos() * u + angle.sin() * across)).to(a.dtype)


def distance(features: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """d of the images x and y (B,C,H,W), one by one: (B,) float64."""
    total = x.new_zeros(len(x), dtype=torch.float64)
    for a, b in zip(features(x), features(y), strict=True):
        total += (normalize(a.double(), dim=1) - normalize(b.double(), dim=1)).square().sum(1).mean((1, 2))
    return total


def _decode(able: Any, latents: Tensor | tuple[Tensor, ...], first: Tensor) -> Tensor:
    """The images of latents whose vector is another."""
    images: Tensor = able.decode((first, *latents[1:]) if isinstance(latents, tuple) else first)
    return images


@contextlib.contextmanager
def _starting_from_w(able: Any) -> Iterator[None]:
    """Within it, a model decodes what its mapping would make of its latents."""
    mapping, able.mapping = able.mapping, nn.Identity()
    try:
        yield
    finally:
        able.mapping = mapping
