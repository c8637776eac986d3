"""Shapes: a drawn RGB set whose every image is known by seven factors, for mode coverage and disentanglement.

Each image is one combination of the factors (`FACTORS`), no two the same, in either split; the label is the shape, and
the classes take turns. The combinations are picked by a keyed permutation of all there are, so neither size nor
count is bound by memory, and a longer set begins with a shorter one of the same seed (its training split does). An
option with a factor's name lists the values that it takes, such as `background: [0]`, which makes an easier set.

The same options give the same bits on any machine: integers, and float64 arithmetic that IEEE 754 rounds exactly
(+ - x / and square roots). Rotations use sines rounded to 20 bits, so that no mathematical library's last bit matters.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paragone.data import counter_rng
from paragone.data.base import DatasetError, Loader, Part, Pixels, Request, Upstream

Floats = NDArray[np.float64]
NAMES = ("ellipse", "square", "triangle", "star", "cross", "heart")
COLOURS: NDArray[np.int32] = np.array(  # RGB
    [
        (225, 60, 60),
        (245, 150, 40),
        (250, 220, 60),
        (80, 190, 90),
        (60, 190, 210),
        (65, 105, 225),
        (160, 90, 210),
        (240, 120, 180),
    ],
    np.int32,
)
BACKGROUNDS = np.array(  # RGB at the top and at the bottom of the image
    [
        ((18, 20, 32), (44, 48, 70)),
        ((34, 50, 44), (14, 24, 22)),
        ((66, 40, 36), (34, 20, 22)),
        ((246, 244, 238), (222, 218, 210)),
        ((206, 222, 236), (236, 242, 246)),
        ((120, 124, 130), (92, 96, 102)),
    ]
)
PLACES = 256  # of the centre, along each axis
FACTORS = {  # name: how many values, 0 to that many - 1
    "colour": len(COLOURS),
    "scale": 8,  # radius 0.16 to 0.30 of the image's side
    "rotation": 12,  # -30 to 25 degrees in steps of 5: less than the 72 that a star looks the same after
    "x": PLACES,  # from touching the left edge to touching the right one, at the largest scale
    "y": PLACES,
    "background": len(BACKGROUNDS),
}
PER_SHAPE = math.prod(FACTORS.values())
Taken = Mapping[str, tuple[int, ...]]  # the values that each factor takes, in the order of FACTORS
ALL: Taken = {name: tuple(range(count)) for name, count in FACTORS.items()}
RADIUS, RADIUS_STEP = 0.16, 0.02  # of the side
TURN, TURN_STEP = -30, 5  # degrees
BLOCK = 1 << 20  # pixels drawn at once
DEFAULTS = {"n_train": 10_000, "n_test": 2_000, "seed": 0}


def generated(request: Request) -> Upstream:
    """n_train and n_test images drawn at request.resolution. Raises DatasetError for options that cannot be."""
    counts, taken = _options(request.options)
    return Upstream(_parts(request.resolution, taken, **counts), exact=True)


def _options(given: Mapping[str, Any]) -> tuple[dict[str, int], Taken]:
    """The counts and the seed, and the values that each factor takes."""
    counts = counter_rng.options({name: v for name, v in given.items() if name not in FACTORS}, DEFAULTS)
    taken = {name: _taken(name, given[name]) if name in given else values for name, values in ALL.items()}
    most = len(NAMES) * math.prod(len(values) for values in taken.values())
    if (n := counts["n_train"] + counts["n_test"]) > most:
        raise DatasetError(
            f"params.yaml: options.n_train and n_test: {n:,} images, there are {most:,} different ones; ask for less"
        )
    return counts, taken


def _taken(factor: str, values: Any) -> tuple[int, ...]:
    last = FACTORS[factor] - 1
    whole = isinstance(values, list | tuple) and all(type(v) is int and 0 <= v <= last for v in values)
    if not whole or not values or len(set(values)) < len(values):
        raise DatasetError(
            f"params.yaml: options.{factor}: {values!r} is not a list of different whole numbers from 0 to {last}; "
            "correct it"
        )
    return tuple(values)


def _parts(side: int, taken: Taken, n_train: int, n_test: int, seed: int) -> Iterator[Part]:
    block = max(1, BLOCK // side**2)
    for split, first, end in (("train", 0, n_train), ("test", n_train, n_train + n_test)):
        for start in range(first, end, block):
            index = np.arange(start, min(start + block, end))
            values = factors(index, seed, taken)
            yield Part(split, draw(values, side), values["shape"], "drawn", index, values)


def factors(index: NDArray[np.int64], seed: int, taken: Taken = ALL) -> dict[str, NDArray[np.int64]]:
    """The factors of the images of these numbers, (n,) each; shapes take turns. taken: the values of each factor."""
    shape = index % len(NAMES)
    count = math.prod(len(values) for values in taken.values())
    rest = np.empty_like(index)
    for s in range(len(NAMES)):
        rest[shape == s] = counter_rng.permute(
            index[shape == s] // len(NAMES), count, counter_rng.mix(np.uint64(seed), np.uint64(s))
        )
    values = {"shape": shape}
    for name, those in taken.items():
        rest, which = np.divmod(rest, len(those))
        values[name] = np.array(those)[which]
    return values


def draw(values: Mapping[str, NDArray[np.int64]], side: int) -> Pixels:
    """The images (n,side,side,3) of these factors, edges blended over one pixel."""
    share = np.floor(coverage(values, side) * 256 + 0.5).astype(np.int32)[..., None]  # (n,side,side,1), of 256
    back = background(values["background"], side).astype(np.int32)
    blend: NDArray[np.int32] = back * (256 - share) + COLOURS[values["colour"]][:, None, None] * share
    pixels: Pixels = ((blend + 128) >> 8).astype(np.uint8)
    return pixels


def background(which: NDArray[np.int64], side: int) -> NDArray[np.int64]:
    """The bare backgrounds of these numbers, (n,side,side,3), from 0 to 255."""
    down = np.arange(side)[:, None]
    top, bottom = BACKGROUNDS[which].transpose(1, 0, 2)[:, :, None]  # (n,1,3) each
    rows = (top * (side - 1 - down) + bottom * down) // (side - 1)  # (n,side,3)
    return np.broadcast_to(rows[:, :, None], (len(which), side, side, 3))


def layout(values: Mapping[str, NDArray[np.int64]], side: int) -> Pixels:
    """The images (n,side,side,3) without figures: in place of each the box around the pixels of which it covers at
    least a half, in the colour of its class, on black."""
    return np.where(boxes(coverage(values, side))[..., None], COLOURS[values["shape"]][:, None, None], 0).astype(
        np.uint8
    )


def boxes(cover: Floats) -> NDArray[np.bool_]:
    """The pixels of the smallest upright box around those of which at least a half is covered, (n,side,side)."""
    there = cover >= 0.5
    spans = []
    for axis in (1, 2):
        crossed: NDArray[np.bool_] = there.max(3 - axis)  # (n,side)
        after, before = (np.maximum.accumulate(c, 1) for c in (crossed, crossed[:, ::-1]))
        spans.append(after & before[:, ::-1])
    return spans[0][:, :, None] & spans[1][:, None, :]


def coverage(
    values: Mapping[str, NDArray[np.int64]], side: int, least: float = RADIUS, step: float = RADIUS_STEP
) -> Floats:
    """The share of each pixel that the shape covers, (n,side,side) in 0 to 1, radii being least + step x scale."""
    sines = np.array([_sin_cos(TURN + TURN_STEP * k) for k in range(FACTORS["rotation"])])[values["rotation"]]
    sin, cos = (sines[:, i, None, None] for i in (0, 1))
    radius = (least + step * values["scale"])[:, None, None] * side  # pixels
    margin = least + step * (FACTORS["scale"] - 1)
    place = [margin + (1 - 2 * margin) * values[axis] / (PLACES - 1) for axis in ("x", "y")]
    pixel = np.arange(side) + 0.5
    dx = pixel[None, None, :] - place[0][:, None, None] * side  # (n,1,side)
    dy = pixel[None, :, None] - place[1][:, None, None] * side  # (n,side,1)
    x, y = (dx * cos + dy * sin) / radius, (dx * sin - dy * cos) / radius  # (n,side,side), y upwards
    cover = np.empty(x.shape)
    for s, distance in enumerate(DISTANCES):
        of_shape = values["shape"] == s
        cover[of_shape] = np.clip(0.5 - distance(x[of_shape], y[of_shape]) * radius[of_shape], 0, 1)
    return cover


def _sin_cos(degrees: float) -> tuple[float, float]:
    """Rounded to 20 bits: the same on every machine."""
    radians = math.radians(degrees)
    return round(math.sin(radians) * 2**20) / 2**20, round(math.cos(radians) * 2**20) / 2**20


def _ellipse(x: Floats, y: Floats) -> Floats:
    """Distance to x^2 / a^2 + y^2 / b^2 = 1 to first order, exact at the edge."""
    a, b = 1.0, 0.6
    k = np.sqrt(x * x / a**2 + y * y / b**2)
    slope = np.sqrt(x * x / a**4 + y * y / b**4)
    return k * (k - 1) / np.maximum(slope, 1e-9)


def _square(x: Floats, y: Floats) -> Floats:
    return np.maximum(np.abs(x), np.abs(y)) - 0.72


def _triangle(x: Floats, y: Floats) -> Floats:
    sin, cos = _sin_cos(30)
    return np.maximum(np.abs(x) * cos + y * sin, -y) - 0.5  # equilateral, its corners on the unit circle


def _star(x: Floats, y: Floats) -> Floats:
    """A pentagram: all that lies outside of at most one side of its inner pentagon."""
    largest = second = np.full(x.shape, -np.inf)
    for k in range(5):
        sin, cos = _sin_cos(72 * k + 90)
        side = x * cos + y * sin
        second = np.maximum(second, np.minimum(largest, side))
        largest = np.maximum(largest, side)
    return second - _sin_cos(18)[0]  # the pentagon's inner radius where the star's tips are on the unit circle


def _cross(x: Floats, y: Floats) -> Floats:
    x, y = np.abs(x), np.abs(y)
    return np.maximum(np.maximum(x, y) - 0.9, np.minimum(x, y) - 0.32)


def _heart(x: Floats, y: Floats) -> Floats:
    """I. Quilez, 2D distance functions, sdHeart, moved to the centre and enlarged."""
    size = 1.5
    x, y = np.abs(x) / size, y / size + 0.6
    lobe = np.sqrt((x - 0.25) ** 2 + (y - 0.75) ** 2) - math.sqrt(2) / 4
    along = 0.5 * np.maximum(x + y, 0)
    near = np.minimum(x * x + (y - 1) ** 2, (x - along) ** 2 + (y - along) ** 2)
    return np.where(x + y > 1, lobe, np.sqrt(near) * np.sign(x - y)) * size


DISTANCES = (_ellipse, _square, _triangle, _star, _cross, _heart)  # signed, in radii; negative inside

LOADER = Loader(
    title="Shapes",
    licence="none needed: drawn by this code",
    citation="drawn by Paragone, after Matthey et al.: dSprites, 2017",
    class_names=NAMES,
    attributes={"shape": tuple(range(len(NAMES)))} | {name: tuple(range(count)) for name, count in FACTORS.items()},
    known_problems=("Drawn: figures on it say nothing about photographs.",),
    sources={"generated": generated},
    options=frozenset(DEFAULTS) | frozenset(FACTORS),
)
