"""Day and night: the scenes of `shapes` drawn in two styles, for translation whose truth is known.

The images are the scenes by night, the sources the same scenes by day. A scene is what `shapes` draws: one figure,
known by its factors; the label is its shape. By day the figure is dark on pale ground and casts a shadow to the lower
right; by night it is bright on dark ground of the same hue, with a halo in place of the shadow. So a translation has
to invert the brightness, keep hue, place and form, remove the shadow and add the halo.

Options:

- n_train, n_test, seed: as of `shapes`
- paired: true, and source i of either split shows the scene of image i. false: the training sources show scenes that no
  training image shows, so nothing can be learned from pairs; the test split keeps its pairs, to measure by

Integers and exactly rounded arithmetic, as in `shapes`: the same bits on any machine.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paragone.data import counter_rng
from paragone.data.base import DatasetError, Loader, Part, Pixels, Request, Upstream
from paragone.data.datasets import shapes

Factors = Mapping[str, NDArray[np.int64]]
DEFAULTS: Mapping[str, Any] = {**shapes.DEFAULTS, "paired": True}
# RGB of the six grounds at the top and at the bottom of the image; of one number, of one hue
DAY = np.array(
    [
        ((206, 222, 246), (236, 242, 250)),
        ((214, 238, 216), (238, 248, 236)),
        ((246, 216, 206), (252, 238, 230)),
        ((246, 240, 204), (252, 250, 230)),
        ((228, 212, 244), (244, 236, 250)),
        ((220, 222, 226), (240, 240, 242)),
    ]
)
NIGHT = np.array(
    [
        ((12, 18, 44), (26, 36, 70)),
        ((12, 32, 18), (26, 54, 32)),
        ((44, 18, 12), (70, 34, 26)),
        ((40, 36, 10), (64, 58, 24)),
        ((30, 14, 44), (52, 30, 68)),
        ((20, 22, 26), (42, 44, 50)),
    ]
)
SHADOW = 16  # of the side: one part of so many is its shift to the right and down
SHADE, GLOW = 96, 112  # of 256: how much of the shadow's and of the halo's colour covers the ground
HALO = 11  # of the side: one part of so many is the halo's breadth


def generated(request: Request) -> Upstream:
    """n_train and n_test pairs drawn at request.resolution. Raises DatasetError for options that cannot be."""
    given = dict(request.options)
    paired = given.pop("paired", DEFAULTS["paired"])
    if type(paired) is not bool:
        raise DatasetError(f"params.yaml: options.paired: {paired!r} is neither true nor false; correct it")
    counts = counter_rng.options(given, shapes.DEFAULTS)
    n = counts["n_train"] * (1 if paired else 2) + counts["n_test"]
    if n > (most := len(shapes.NAMES) * shapes.PER_SHAPE):
        raise DatasetError(f"params.yaml: options.n_train and n_test: {n:,} scenes, there are {most:,}; ask for less")
    parts = _parts(request.resolution, paired, **counts)
    return Upstream(parts, exact=True, sources="paired" if paired else "test-paired")


def _parts(side: int, paired: bool, n_train: int, n_test: int, seed: int) -> Iterator[Part]:
    block = max(1, shapes.BLOCK // side**2)
    apart = 0 if paired else n_train + n_test  # from the scene of a training image to that of the source beside it
    for split, first, end, shift in (("train", 0, n_train, apart), ("test", n_train, n_train + n_test, 0)):
        for start in range(first, end, block):
            index = np.arange(start, min(start + block, end))
            values = shapes.factors(index, seed)
            yield Part(split, night(values, side), values["shape"], "drawn", index, values)
            yield Part(split, day(shapes.factors(index + shift, seed), side), None, "drawn", source=True)


def day(values: Factors, side: int) -> Pixels:
    """The scenes of these factors by day, (n,side,side,3)."""
    figure = _share(shapes.coverage(values, side))
    shift = max(1, side // SHADOW)
    shadow = np.zeros_like(figure)
    shadow[:, shift:, shift:] = figure[:, :-shift, :-shift]
    ground = _ground(DAY, values, side)
    pixels = _blend(ground, np.zeros(3, np.int32), shadow * SHADE >> 8)
    dark = shapes.COLOURS[values["colour"]] * 5 >> 3
    return _blend(pixels, dark[:, None, None], figure).astype(np.uint8)


def night(values: Factors, side: int) -> Pixels:
    """The scenes of these factors by night, (n,side,side,3)."""
    figure = _share(shapes.coverage(values, side))
    halo = _grown(figure, max(1, side // HALO))
    bright = (255 + shapes.COLOURS[values["colour"]])[:, None, None] >> 1
    pixels = _blend(_ground(NIGHT, values, side), bright, halo * GLOW >> 8)
    return _blend(pixels, bright, figure).astype(np.uint8)


draw = night  # the images of a set, for what reads their factors


def figure(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The pixels (n,H,W) in the brighter half of each image's range of grey, which by night are the figure."""
    grey = images.mean(3, dtype=np.float64)
    low, high = (f(grey, axis=(1, 2), keepdims=True) for f in (np.amin, np.amax))
    found: NDArray[np.bool_] = grey > (low + high) / 2
    return found


def _grown(share: NDArray[np.int32], pixels: int) -> NDArray[np.int32]:
    """A figure (n,side,side) grown by so many pixels to all sides, eight-cornered: steps along the axes and diagonals
    in turn."""
    for step in range(pixels):
        padded = np.pad(share, ((0, 0), (1, 1), (1, 1)))
        rows = np.maximum(np.maximum(padded[:, :-2, 1:-1], padded[:, 2:, 1:-1]), share)
        cols = np.maximum(padded[:, 1:-1, :-2], padded[:, 1:-1, 2:])
        share = np.maximum(rows, cols)
        if step % 2:  # and the corners
            up = np.maximum(padded[:, :-2, :-2], padded[:, :-2, 2:])
            share = np.maximum(share, np.maximum(up, np.maximum(padded[:, 2:, :-2], padded[:, 2:, 2:])))
    return share


def _share(coverage: shapes.Floats) -> NDArray[np.int32]:
    """Coverage in 0 to 1 as a share of 256, (n,side,side)."""
    return np.floor(coverage * 256 + 0.5).astype(np.int32)


def _ground(colours: NDArray[np.int64], values: Factors, side: int) -> NDArray[np.int32]:
    """The bare grounds, (n,side,side,3)."""
    down = np.arange(side)[:, None]
    top, bottom = colours[values["background"]].transpose(1, 0, 2)[:, :, None]  # (n,1,3) each
    rows = (top * (side - 1 - down) + bottom * down) // (side - 1)  # (n,side,3)
    return np.repeat(rows[:, :, None], side, 2).astype(np.int32)


def _blend(below: NDArray[np.int32], above: NDArray[np.int32], share: NDArray[np.int32]) -> NDArray[np.int32]:
    """`above` over `below` (n,side,side,3) where it covers so many 256ths of a pixel, (n,side,side)."""
    weight = share[..., None]
    return (below * (256 - weight) + above * weight + 128) >> 8


LOADER = Loader(
    title="Day and night",
    licence="none needed: drawn by this code",
    citation="drawn by Paragone, after Matthey et al.: dSprites, 2017",
    class_names=shapes.NAMES,
    attributes=shapes.LOADER.attributes,
    known_problems=("Drawn: figures on it say nothing about photographs.",),
    sources={"generated": generated},
    options=frozenset(DEFAULTS),
)
