"""Multi-object shapes: two to five of the figures of `shapes` on one background, in the spirit of CLEVR.

Johnson et al. 2017 (https://arxiv.org/abs/1612.06890) render three to ten solids and keep a margin between any two;
here figures are flat and may overlap: a later one covers what is below it, and how much of each figure is hidden
is in the manifest, as do all its factors. The label is the number of figures; the counts take turns.

The same options give the same bits on any machine, as for `shapes`.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from paragone.data import counter_rng
from paragone.data.base import Loader, Part, Pixels, Request, Upstream
from paragone.data.datasets import shapes

Integers = NDArray[np.int64]
COUNTS = (2, 3, 4, 5)  # figures in an image
NONE = -1  # of a figure that an image does not have
FACTORS = {  # of a figure; name: how many values
    "shape": len(shapes.NAMES),
    "colour": len(shapes.COLOURS),
    "scale": shapes.FACTORS["scale"],
    "rotation": shapes.FACTORS["rotation"],
    "x": shapes.PLACES,
    "y": shapes.PLACES,
}
RADIUS, RADIUS_STEP = 0.10, 0.012  # of the side: smaller than those of `shapes`, so that five find room
TRIES = 4  # places drawn for a figure; it takes the one farthest from the figures before it
HIDDEN = 100  # per cent
BLOCK = 1 << 19  # pixels drawn at once
DEFAULTS = {"n_train": 10_000, "n_test": 2_000, "seed": 0}


def generated(request: Request) -> Upstream:
    """n_train and n_test images drawn at request.resolution. Raises DatasetError for options that cannot be."""
    return Upstream(_parts(request.resolution, **counter_rng.options(request.options, DEFAULTS)), exact=True)


def _parts(side: int, n_train: int, n_test: int, seed: int) -> Iterator[Part]:
    block = max(1, BLOCK // side**2)
    for split, first, end in (("train", 0, n_train), ("test", n_train, n_train + n_test)):
        for start in range(first, end, block):
            index = np.arange(start, min(start + block, end))
            values = factors(index, seed)
            images, hidden = draw(values, side)
            label = values["count"] - COUNTS[0]
            yield Part(split, images, label, "drawn", index, values | hidden)


def factors(index: Integers, seed: int) -> dict[str, Integers]:
    """Every factor of the images of these numbers, (n,) each: count, background, and `<figure> <factor>`."""
    count = index % len(COUNTS) + COUNTS[0]
    values = {"count": count, "background": counter_rng.integers(index, len(shapes.BACKGROUNDS), seed, 0)}
    for k in range(COUNTS[-1]):
        figure = {name: counter_rng.integers(index, n, seed, 1, k, f) for f, (name, n) in enumerate(FACTORS.items())}
        figure["x"], figure["y"] = _apart(index, k, values, seed)
        values |= {f"{k}_{name}": np.where(k < count, value, NONE) for name, value in figure.items()}
    return values


def _apart(index: Integers, k: int, values: dict[str, Integers], seed: int) -> Integers:
    """The place (2,n) of figure k: of a few drawn ones, that farthest from the figures before it."""
    places = np.stack(
        [
            [counter_rng.integers(index, shapes.PLACES, seed, 2, k, attempt, axis) for attempt in range(TRIES)]
            for axis in (0, 1)
        ]
    )  # (2,TRIES,n)
    room = np.full(places.shape[1:], 2 * shapes.PLACES**2)
    for before in range(k):
        there = np.stack([values[f"{before}_x"], values[f"{before}_y"]])[:, None]
        room = np.minimum(room, np.square(places - there).sum(0))
    best: Integers = places[:, room.argmax(0), np.arange(len(index))]
    return best


def draw(values: dict[str, Integers], side: int) -> tuple[Pixels, dict[str, Integers]]:
    """The images (n,side,side,3) of these factors, and how many per cent of each figure is hidden by later ones."""
    images = shapes.background(values["background"], side)  # (n,side,side,3)
    seen: list[NDArray[np.float64]] = []
    whole: list[NDArray[np.float64]] = []
    for k in range(COUNTS[-1]):
        figure = {name: values[f"{k}_{name}"] for name in FACTORS}
        there = figure["shape"] != NONE
        cover = np.zeros(images.shape[:3])
        cover[there] = shapes.coverage({n: v[there] for n, v in figure.items()}, side, RADIUS, RADIUS_STEP)
        share = np.floor(cover * 256 + 0.5).astype(np.int32)  # of 256
        colour = shapes.COLOURS[figure["colour"]][:, None, None]
        mixed = images * (256 - share[..., None]) + colour * share[..., None] + 128
        images = mixed.astype(np.int64) >> 8
        seen = [before * (256 - share) / 256 for before in seen] + [share.astype(float)]
        whole.append(share.sum((1, 2)).astype(float))
    hidden = {
        f"{k}_hidden": np.where(k < values["count"], HIDDEN - _percent(seen[k].sum((1, 2)), whole[k]), NONE)
        for k in range(COUNTS[-1])
    }
    return images.astype(np.uint8), hidden


def layout(values: Mapping[str, Integers], side: int) -> Pixels:
    """The images (n,side,side,3) without figures: in place of each its box as in `shapes.layout`, later ones on top."""
    images = np.zeros((len(values["count"]), side, side, 3), np.uint8)
    for k in range(COUNTS[-1]):
        figure = {name: values[f"{k}_{name}"] for name in FACTORS}
        there = figure["shape"] != NONE
        known = {name: value[there] for name, value in figure.items()}
        box = shapes.boxes(shapes.coverage(known, side, RADIUS, RADIUS_STEP))
        colour = shapes.COLOURS[known["shape"]][:, None, None].astype(np.uint8)
        images[there] = np.where(box[..., None], colour, images[there])
    return images


def _percent(part: NDArray[np.float64], whole: NDArray[np.float64]) -> Integers:
    """Rounded to whole per cents; sums of shares over 256^k are exact in float64."""
    return np.floor(HIDDEN * part / np.maximum(whole, 1) + 0.5).astype(np.int64)


LOADER = Loader(
    title="Multi-object shapes",
    licence="none needed: drawn by this code",
    citation="drawn by Paragone, after Johnson et al.: CLEVR, 2017",
    class_names=tuple(f"{count} figures" for count in COUNTS),
    sources={"generated": generated},
    options=frozenset(DEFAULTS),
    known_problems=("Drawn: figures on it say nothing about photographs.", "Figures overlap: some are hidden in part."),
    attributes={
        "count": COUNTS,
        "background": tuple(range(len(shapes.BACKGROUNDS))),
        **{f"{k}_{name}": (NONE, *range(n)) for k in range(COUNTS[-1]) for name, n in FACTORS.items()},
        **{f"{k}_hidden": tuple(range(NONE, HIDDEN + 1)) for k in range(COUNTS[-1])},
    },
)
