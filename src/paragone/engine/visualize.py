"""Pictures of what a model can do besides sampling: reconstruct, walk through its latents, truncate and mix them.

A model shows what its capabilities allow (see `paragone.models.base`). Every draw follows from the seed.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from paragone.data.base import ImageSet
from paragone.data.pixels import to_float
from paragone.engine import hardware
from paragone.engine.sampling import Images, quantise, sample_grid
from paragone.engine.seeding import Stream, seed_all
from paragone.models.base import Model

Latents = Tensor | tuple[Tensor, ...]  # (n,...) each

COLUMNS = 10  # of every picture; steps of a walk
PAIRS = 40  # test images shown with their reconstructions
TRANSLATIONS = 30  # sources shown with their translations
WALKS = 6  # interpolations
ROWS = 10  # latents traversed, at most
DRAWS = 1000  # of the prior, to learn its quantiles
BASES = 4  # draws of the prior on which the effect of a latent is measured
BATCH = 100  # decoded at a time
PARTS = 3  # of the layers that styles are mixed in: coarse, middle and fine
MIXED = 3  # images that take each part of their styles from others


def draw(model: Model, test: ImageSet, *, seed: int, device: torch.device) -> dict[str, Image.Image]:
    """What the model can show besides its samples, by name:

    pairs           the first test images, each above its reconstruction
    interpolation   one row per pair of draws from the prior, and the way from one to the other (see `interpolate`)
    truncated       one column per draw; a row for each truncation, from the strongest to none
    tempered        the same for each temperature, from the lowest to 1
    mixed           above, draws; at the left, others, three for each third of the layers, the first third first: each
                    place shows the one at the left with the styles of the one above in that third
    traversal       one row per latent: one draw of the prior, of which this latent alone goes from the 1 % to the 99 %
                    quantile of the prior, those that say or change most first; or the rows that the model chooses

    Models that take labels reconstruct with the image's, walk in the class of the row's number, and traverse in the
    first class.
    """
    able: Any = hardware.place(model.eval(), device)
    shown = {}
    with torch.inference_mode():
        if "reconstruct" in able.capabilities:
            shown["pairs"] = _pairs(able, test, seed, device)
        if "latents" in able.capabilities:
            shown["interpolation"] = _interpolation(able, test.spec.classes, seed)
            if "truncations" in able.capabilities:
                shown["truncated"] = _truncated(able, test.spec.classes, seed)
            if "temperatures" in able.capabilities:
                shown["tempered"] = _tempered(able, test.spec.classes, seed)
            if "mixed" in able.capabilities:
                shown["mixed"] = _mixed(able, seed)
            probe = able.latents(1)
            if isinstance(probe, Tensor) and probe.ndim == 2:  # of a latent image, no one pixel has a meaning
                shown["traversal"] = _traversal(able, test, seed, device)
    return shown


def translations(images: Images, test: ImageSet) -> Image.Image:
    """The first translations (n,H,W,C) of the sources of `test`: a row of sources, under it their translations and,
    where the true partners are known, a row of those."""
    assert test.sources is not None
    n = min(TRANSLATIONS, len(images), len(test.sources))
    rows = [test.sources[:n], torch.from_numpy(images[:n]), *([test.images[:n]] if test.paired else [])]
    blocks = [part for parts in zip(*(row.split(COLUMNS) for row in rows), strict=True) for part in parts]
    if n % COLUMNS:  # the last block is filled up with white
        white = blocks[0].new_full((COLUMNS - n % COLUMNS, *blocks[0].shape[1:]), 255)
        blocks = [torch.cat([block, white]) if len(block) < COLUMNS else block for block in blocks]
    return sample_grid(torch.cat(blocks).numpy(), COLUMNS, len(blocks))


def truncation(model: Any, value: float) -> AbstractContextManager[None]:
    """The model draws and decodes with another `truncation` than its Config's."""
    return _changed(model, truncation=value)


@contextmanager
def _changed(model: Any, **values: float) -> Iterator[None]:
    """The model has another Config meanwhile."""
    own = model.cfg
    model.cfg = replace(own, **values)
    try:
        yield
    finally:
        model.cfg = own


def interpolate(a: Tensor, b: Tensor, steps: int, prior: str) -> Tensor:
    """The way from latent a (z,...) to b in equal steps, both ends included: (steps,z,...).

    Where the prior is "normal", along a great circle, unless the two are parallel: a straight line would leave the
    shell on which nearly all of the prior lies (White 2016, https://arxiv.org/abs/1609.04468, section 2.1). Otherwise
    straight.
    """
    t = torch.linspace(0, 1, steps, device=a.device).view(-1, *[1] * a.ndim)
    angle = torch.arccos((a.flatten() @ b.flatten() / (a.norm() * b.norm())).clamp(-1, 1))
    if prior != "normal" or angle.sin() < 1e-3:
        return torch.lerp(a, b, t)
    return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / angle.sin()


def traverse(z: Tensor, latents: Tensor, low: Tensor, high: Tensor, steps: int) -> Tensor:
    """A row for each index of `latents` (k,): z (z_dim,) with that latent going from low to high: (k,steps,z_dim)."""
    rows = z.expand(len(latents), steps, -1).clone()
    t = torch.linspace(0, 1, steps, device=z.device)
    for row, j in zip(rows, latents.tolist(), strict=True):
        row[:, j] = torch.lerp(low[j], high[j], t)
    return rows


def _pairs(model: Any, test: ImageSet, seed: int, device: torch.device) -> Image.Image:
    images = test.images[:PAIRS]
    seed_all(seed, Stream.PICTURE, 0)
    made = torch.from_numpy(quantise(model.reconstruct(*_given(model, test, len(images), device))))
    rows = [half for pair in zip(images.split(COLUMNS), made.split(COLUMNS), strict=True) for half in pair]
    return sample_grid(torch.cat(rows).numpy(), COLUMNS, len(rows))


def _interpolation(model: Any, classes: int, seed: int) -> Image.Image:
    seed_all(seed, Stream.PICTURE, 1)
    ends = model.latents(2 * WALKS)
    labels = torch.arange(WALKS).repeat_interleave(COLUMNS) % max(1, classes)
    z = _parted(ends, lambda part: _walks(part, model.latent_prior))
    return sample_grid(_decode(model, z, labels), COLUMNS, WALKS)


def _truncated(model: Any, classes: int, seed: int) -> Image.Image:
    return _rows(model, [{"truncation": value} for value in model.truncations()], classes, seed, 3)


def _tempered(model: Any, classes: int, seed: int) -> Image.Image:
    return _rows(model, [{"temperature": value} for value in model.temperatures()], classes, seed, 5)


def _rows(model: Any, settings: list[dict[str, float]], classes: int, seed: int, stream: int) -> Image.Image:
    """The same draws in every row, each with settings of its own."""
    rows, labels = [], torch.arange(COLUMNS) % max(1, classes)
    for values in settings:
        seed_all(seed, Stream.PICTURE, stream)
        with _changed(model, **values):
            rows.append(_decode(model, model.latents(COLUMNS), labels))
    return sample_grid(np.concatenate(rows), COLUMNS, len(rows))


def _mixed(model: Any, seed: int) -> Image.Image:
    seed_all(seed, Stream.PICTURE, 4)
    left, above = model.latents(MIXED), model.latents(COLUMNS - 1)
    first, header = _decode(model, left), _decode(model, above)
    shown = [np.full_like(header[:1], 255), header]
    for part in range(PARTS):
        share = part / PARTS, (part + 1) / PARTS
        for i in range(MIXED):
            one = _parted(left, partial(_repeated, i=i, times=COLUMNS - 1))
            shown += [first[i : i + 1], quantise(model.mixed(one, above, *share))]
    return sample_grid(np.concatenate(shown), COLUMNS, 1 + PARTS * MIXED)


def _repeated(z: Tensor, i: int, times: int) -> Tensor:
    return z[i : i + 1].expand(times, *z.shape[1:])


def _parted(z: Latents, of: Callable[[Tensor], Tensor]) -> Latents:
    """Each part of latents, changed."""
    return of(z) if isinstance(z, Tensor) else tuple(of(part) for part in z)


def _walks(ends: Tensor, prior: str) -> Tensor:
    """From each even latent of `ends` (2 WALKS,...) to the next: (WALKS COLUMNS,...)."""
    pairs = ends.view(WALKS, 2, *ends.shape[1:])
    return torch.cat([interpolate(a, b, COLUMNS, prior) for a, b in pairs])


def _traversal(model: Any, test: ImageSet, seed: int, device: torch.device) -> Image.Image:
    seed_all(seed, Stream.PICTURE, 2)
    draws = model.latents(DRAWS)
    if "traversals" in model.capabilities:
        rows = model.traversals(draws[0], COLUMNS)
    else:
        low, high = draws.quantile(0.01, 0), draws.quantile(0.99, 0)
        if "rate" in model.capabilities:
            weight = model.rate(*_given(model, test, BATCH, device)).mean(0)
        else:
            weight = _effect(model, draws[:BASES], low, high)
        rows = traverse(draws[0], weight.argsort(descending=True)[:ROWS], low, high, COLUMNS)
    return sample_grid(_decode(model, rows.flatten(0, 1)), COLUMNS, len(rows))


def _effect(model: Any, bases: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """How much an image changes from one end of each latent to the other, the mean over some draws: (z_dim,)."""
    change = torch.zeros(bases.shape[1])
    for z in bases:
        ends = _decode(model, traverse(z, torch.arange(len(z)), low, high, 2).flatten(0, 1))
        pairs = torch.from_numpy(ends).float().view(len(z), 2, -1)
        change += (pairs[:, 1] - pairs[:, 0]).square().mean(1)
    return change


def _given(model: Any, test: ImageSet, n: int, device: torch.device) -> list[Tensor]:
    """The first n test images (n,C,H,W) in [-1,1] and, for a model that takes them, their labels."""
    x = to_float(test.images[:n].to(device))
    return [x, test.labels[:n].to(device)] if "label" in model.needs and test.labels is not None else [x]


def _decode(model: Any, z: Latents, labels: Tensor | None = None) -> Images:
    """The images of latents (n,...), where the model takes labels in these classes (n,) or the first."""
    first = z if isinstance(z, Tensor) else z[0]
    labels = torch.zeros(len(first), dtype=torch.int64) if labels is None else labels
    conditions = [labels.to(first.device).split(BATCH)] if "label" in model.needs else []
    parts = z.split(BATCH) if isinstance(z, Tensor) else zip(*(part.split(BATCH) for part in z), strict=True)
    return np.concatenate([quantise(model.decode(*part)) for part in zip(parts, *conditions, strict=True)])
