"""A classifier of the factors that an image was drawn from, to evaluate images whose factors were edited.

It is trained on images that are drawn afresh at every step, each factor uniform and independent; a third of them are
blurred, or it would read nothing from images of models that blur, though the eye can. A categorical factor is predicted
as a class, an ordered one as a share of its range, which counts as correct within a tolerance.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from paragone.data.base import ATTRIBUTE, Pixels
from paragone.data.pixels import to_float
from paragone.engine import hardware
from paragone.engine.seeding import Stream, mix, seed_all
from paragone.evaluation.factors import BATCH, Flags, Floats, Ints, read
from paragone.project import files, registry

Draw = Callable[[Mapping[str, Ints], int], Pixels]
"""Values of factors by name, (n,) each, and a side to the images (n,side,side,C): `draw` of a data set's file."""

IMAGES = 64  # a step
STEPS = 16  # whose images are drawn at once
LEARNING_RATE = 3e-3
WIDTH, HIDDEN = 32, 256
BLUR = 3.0  # pixels of 32, the largest standard deviation
VARIANCE = 1 / 12  # of a uniform share: in its units an error weighs about as much as a wrong class


class Names(NamedTuple):
    """The factors in order, how many values (0 to that many - 1) each has, and which have no order."""

    names: list[str]
    counts: Ints  # (K,)
    categorical: Flags  # (K,)

    def shares(self, values: Ints) -> Floats:
        """The targets of images of these values (N,K): what a perfect classifier predicts."""
        return np.where(self.categorical, values, values / (self.counts - 1))

    def of(self, values: Ints) -> dict[str, Ints]:
        """Values (N,K) by name, as a data set draws them."""
        return dict(zip(self.names, values.T, strict=True))


class FactorClassifier(NamedTuple):
    """A trained network, and how exact its predictions must be."""

    net: nn.Module
    factors: Names
    tolerance: float

    def predict(self, images: Tensor) -> Floats:
        """Images (N,H,W,C) uint8 to (N,K): classes and shares."""
        device = next(self.net.parameters()).device
        with torch.no_grad():
            pred = torch.cat([self.net(to_float(x.to(device))).cpu() for x in images.split(BATCH)])
        parts = pred.double().split(_outputs(self.factors), 1)
        return torch.stack([p[:, 0] if p.shape[1] == 1 else p.argmax(1).double() for p in parts], 1).numpy()

    def agree(self, a: Floats, b: Floats) -> Flags:
        """Whether two predictions (N,K) agree on each factor: (N,K)."""
        same: Flags = np.abs(a - b) <= np.where(self.factors.categorical, 0.0, self.tolerance)
        return same

    def trusted(self, draw: Draw, side: int, least: float) -> Flags:
        """Which factors it predicts correctly in a share of at least `least` of 1,000 images drawn afresh, (K,)."""
        values = np.random.default_rng(0).integers(self.factors.counts, size=(1000, len(self.factors.names)))
        pred = self.predict(torch.from_numpy(draw(self.factors.of(values), side)))
        good: Flags = self.agree(pred, self.factors.shares(values)).mean(0) >= least
        return good


def drawn(prepared: Path, categorical: tuple[str, ...]) -> tuple[Draw, Names]:
    """How a prepared set draws its images, and from which factors; those named have no order. A factor that has one
    value in the set keeps it, and is not among them.

    Raises ValueError for a set that is not drawn.
    """
    known = read(prepared, categorical, levels=2)
    name = str(files.read_json(prepared / "dataset.json")["loader"])
    if name not in registry.names("datasets") or not hasattr(module := registry.load("datasets", name), "draw"):
        raise ValueError(f"{prepared}: loader '{name}' does not draw images from factors; take a set of shapes")
    counts = np.array([len(module.LOADER.attributes[factor]) for factor in known.names])
    fixed = [factor for factor in module.LOADER.attributes if factor not in known.names]
    first = pd.read_parquet(prepared / "manifest.parquet", columns=[ATTRIBUTE + factor for factor in fixed])[:1]
    kept = {factor: int(first[ATTRIBUTE + factor].item()) for factor in fixed}

    def draw(values: Mapping[str, Ints], side: int) -> Pixels:
        n = len(next(iter(values.values())))
        images: Pixels = module.draw({**values, **{factor: np.full(n, value) for factor, value in kept.items()}}, side)
        return images

    return draw, Names(known.names, counts, known.categorical)


def train(
    draw: Draw, factors: Names, side: int, kimg: float, tolerance: float, progress: bool = True
) -> FactorClassifier:
    """Train on images of `side` pixels; deterministic on one machine. Raises ValueError unless 8 divides side."""
    if side % 8:
        raise ValueError(f"images of {side} x {side} cannot be read: the network takes sides divisible by 8")
    device = hardware.device()
    steps = max(1, round(kimg * 1000 / IMAGES))
    seed_all(0, Stream.INIT)
    net = _network(draw(factors.of(np.zeros((1, len(factors.names)), np.int64)), side).shape[-1], side, factors)
    net.to(device=device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.2)
    bf16 = hardware.has_bf16(device)
    for step in tqdm(range(steps), desc="factor classifier", unit=" steps", disable=not progress, mininterval=1):
        if step % STEPS == 0:
            images, target = _make_batch(draw, factors, side, step)
        part = slice(step % STEPS * IMAGES, (step % STEPS + 1) * IMAGES)
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            pred = net(to_float(images[part].to(device)))
        loss = _loss(pred.float().split(_outputs(factors), 1), target[part].to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return FactorClassifier(net.eval().requires_grad_(False), factors, tolerance)


def _make_batch(draw: Draw, factors: Names, side: int, step: int) -> tuple[Tensor, Tensor]:
    """The images (n,side,side,C) uint8 of the next STEPS steps, and their targets (n,K)."""
    rng = np.random.default_rng(mix(0, Stream.STEP, step))
    values = rng.integers(factors.counts, size=(STEPS * IMAGES, len(factors.counts)))
    images = draw(factors.of(values), side)
    for i in range(0, len(images), 3):
        sigma = rng.uniform(0, BLUR * side / 32)
        images[i] = ndimage.gaussian_filter(images[i], (sigma, sigma, 0), mode="nearest")
    return torch.from_numpy(images), torch.from_numpy(factors.shares(values))


def _network(channels: int, side: int, factors: Names) -> nn.Sequential:
    """Three halvings of the image, then two linear layers."""
    layers: list[nn.Module] = []
    widths = [channels, WIDTH, 2 * WIDTH, 4 * WIDTH]
    for a, b in pairwise(widths):
        layers += [nn.Conv2d(a, b, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
    flat = widths[-1] * (side // 8) ** 2
    layers += [nn.Flatten(), nn.Linear(flat, HIDDEN, bias=False), nn.BatchNorm1d(HIDDEN), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(HIDDEN, sum(_outputs(factors))))


def _outputs(factors: Names) -> list[int]:
    """The number of outputs for each factor: one logit per class, or one share."""
    return [int(n) for n in np.where(factors.categorical, factors.counts, 1)]


def _loss(pred: tuple[Tensor, ...], target: Tensor) -> Tensor:
    """Cross-entropy of classes, squared error of shares; pred (B,outputs) of each factor, target (B,K)."""
    loss = torch.zeros((), device=target.device)
    for p, t in zip(pred, target.unbind(1), strict=True):
        if p.shape[1] == 1:
            loss = loss + functional.mse_loss(p[:, 0], t.float()) / VARIANCE
        else:
            loss = loss + functional.cross_entropy(p, t.long())
    return loss
