"""Solids: a drawn RGB set of shaded cubes, cylinders and cones, seen from a known azimuth and elevation.

Each image is one combination of the factors (`FACTORS`), no two the same, in either split; the label is the solid, and
the classes take turns. A solid stands upright in the middle of the image. Its front, the quarter that it turns to an
azimuth of 0, is painted white, so that a cylinder's and a cone's azimuth can be read as well. The camera goes round it,
without perspective, and the light with the camera: to turn the object is to turn the camera the other way.

The same options give the same bits on any machine: integers, and float64 arithmetic that IEEE 754 rounds exactly
(+ - x / and square roots). Angles use sines rounded to 20 bits, so that no mathematical library's last bit matters.
"""

import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from paragone.data import counter_rng
from paragone.data.base import DatasetError, Loader, Part, Pixels, Request, Upstream
from paragone.data.datasets import shapes

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Vector = tuple[Floats, Floats, Floats]  # x to the front, y to the left of it, z upwards; images along the first axis
NAMES = ("cube", "cylinder", "cone")
FACTORS = {  # name: how many values, 0 to that many - 1
    "colour": len(shapes.COLOURS),
    "scale": 6,  # radius of the sphere around the solid, 0.30 to 0.425 of the image's side
    "azimuth": 32,  # of the camera: -58.125 to 58.125 degrees in steps of 3.75
    "elevation": 16,  # of the camera: 10 to 55 degrees in steps of 3
    "background": len(shapes.BACKGROUNDS),
}
PER_SOLID = math.prod(FACTORS.values())
RADIUS, RADIUS_STEP = 0.30, 0.025  # of the side
AZIMUTH, AZIMUTH_STEP = -58.125, 3.75  # degrees
ELEVATION, ELEVATION_STEP = 10, 3
WHITE = np.array((245, 245, 240))
LIGHT = (0.7, -0.35, 0.62)  # in the camera's frame: towards it, to its right and upwards; less than 1 long
AMBIENT, DIFFUSE = 0.3, 0.7
RAYS = 2  # a pixel is the mean of so many rays along each axis
BLOCK = 1 << 16  # rays followed at once
DEFAULTS = {"n_train": 10_000, "n_test": 2_000, "seed": 0}


def generated(request: Request) -> Upstream:
    """n_train and n_test images drawn at request.resolution. Raises DatasetError for options that cannot be."""
    counts = counter_rng.options(request.options, DEFAULTS)
    if (n := counts["n_train"] + counts["n_test"]) > (most := len(NAMES) * PER_SOLID):
        raise DatasetError(
            f"params.yaml: options.n_train and n_test: {n:,} images, there are {most:,} different ones; ask for less"
        )
    return Upstream(_parts(request.resolution, **counts), exact=True)


def _parts(side: int, n_train: int, n_test: int, seed: int) -> Iterator[Part]:
    block = max(1, shapes.BLOCK // side**2)
    for split, first, end in (("train", 0, n_train), ("test", n_train, n_train + n_test)):
        for start in range(first, end, block):
            index = np.arange(start, min(start + block, end))
            values = factors(index, seed)
            yield Part(split, draw(values, side), values["shape"], "drawn", index, values)


def factors(index: Integers, seed: int) -> dict[str, Integers]:
    """The factors of the images of these numbers, (n,) each; solids take turns."""
    shape = index % len(NAMES)
    rest = np.empty_like(index)
    for s in range(len(NAMES)):
        key = counter_rng.mix(np.uint64(seed), np.uint64(s))
        rest[shape == s] = counter_rng.permute(index[shape == s] // len(NAMES), PER_SOLID, key)
    values = {"shape": shape}
    for name, count in FACTORS.items():
        rest, values[name] = np.divmod(rest, count)
    return values


def draw(values: Mapping[str, Integers], side: int) -> Pixels:
    """The images (n,side,side,3) of these factors."""
    pixels = np.empty((len(values["shape"]), side, side, 3), np.uint8)
    for s in range(len(SOLIDS)):
        chosen = np.flatnonzero(values["shape"] == s)
        step = max(1, BLOCK // (RAYS * side) ** 2)
        for part in (chosen[i : i + step] for i in range(0, len(chosen), step)):
            pixels[part] = _render(SOLIDS[s], {name: v[part] for name, v in values.items()}, side)
    return pixels


def _render(solid: "Solid", values: Mapping[str, Integers], side: int) -> Pixels:
    """The images (n,side,side,3) of one kind of solid."""
    towards, right, up = _camera(values)
    radius = (RADIUS + RADIUS_STEP * values["scale"])[:, None, None] * side
    place = ((np.arange(side * RAYS) + 0.5) / RAYS - side / 2) / radius  # (n,1,rays), pixels from the middle in radii
    across, above = place, -place.transpose(0, 2, 1)
    start = _sum(right, across, up, above)
    depth, normal = solid(start, towards)
    hit = depth > -np.inf
    point = _sum(start, 1.0, towards, np.where(hit, depth, 0.0))
    light = _sum(_sum(towards, LIGHT[0], right, LIGHT[1]), 1.0, up, LIGHT[2])
    shade = np.where(hit, AMBIENT + DIFFUSE * np.maximum(_dot(normal(point), light), 0), 0.0)
    front = point[0] > np.abs(point[1])
    white, body, bare = (_per_pixel(rays) for rays in (shade * front, shade * ~front, 1 - hit.astype(np.float64)))
    lit = WHITE * white + shapes.COLOURS[values["colour"]][:, None, None] * body
    pixels: Pixels = np.floor(lit + shapes.background(values["background"], side) * bare + 0.5).astype(np.uint8)
    return pixels


def _per_pixel(rays: Floats) -> Floats:
    """The means of the rays (n,RAYS side,RAYS side) of each pixel, (n,side,side,1), added up in a fixed order."""
    total = np.zeros(1)
    for i in range(RAYS):
        for j in range(RAYS):
            total = total + rays[:, i::RAYS, j::RAYS]
    return total[..., None] / RAYS**2


def _camera(values: Mapping[str, Integers]) -> tuple[Vector, Vector, Vector]:
    """Unit vectors from the solid to the camera, to the image's right, and up in it: (n,1,1) each coordinate."""
    sin_a, cos_a = TURNS["azimuth"][:, values["azimuth"], None, None]
    sin_e, cos_e = TURNS["elevation"][:, values["elevation"], None, None]
    zero = np.zeros_like(sin_a)
    return (cos_e * cos_a, cos_e * sin_a, sin_e), (-sin_a, cos_a, zero), (-sin_e * cos_a, -sin_e * sin_a, cos_e)


def _turns(first: float, step: float, count: int) -> Floats:
    """Sine and cosine of first + step k degrees, rounded to 20 bits, (2,count)."""
    radians = [math.radians(first + step * k) for k in range(count)]
    return np.array([[round(f(r) * 2**20) / 2**20 for r in radians] for f in (math.sin, math.cos)])


TURNS = {
    "azimuth": _turns(AZIMUTH, AZIMUTH_STEP, FACTORS["azimuth"]),
    "elevation": _turns(ELEVATION, ELEVATION_STEP, FACTORS["elevation"]),
}


def _sum(a: Vector, s: Floats | float, b: Vector, t: Floats | float) -> Vector:
    """s a + t b."""
    return a[0] * s + b[0] * t, a[1] * s + b[1] * t, a[2] * s + b[2] * t


def _dot(a: Vector, b: Vector) -> Floats:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


Normal = Callable[[Vector], Vector]
Solid = Callable[[Vector, Vector], tuple[Floats, Normal]]
"""The starts of rays and their direction, to the camera: how far along each ray the camera sees the solid (-inf: not at
all), and what gives the outward unit normal at such points. Solids are convex and lie in the unit sphere: a ray is in
one where it is in all of the slabs and round walls that bound it."""


def _slab(start: Floats, direction: Floats, low: float, high: float) -> tuple[Floats, Floats]:
    """Where rays enter and leave the space between two planes; no direction is along them."""
    a, b = (low - start) / direction, (high - start) / direction
    return np.minimum(a, b), np.maximum(a, b)


def _round(a: Floats, b: Floats, c: Floats) -> tuple[Floats, Floats]:
    """Where a t^2 + 2 b t + c <= 0, a > 0; an interval that holds nothing where it never is."""
    square = b * b - a * c
    root = np.sqrt(np.maximum(square, 0))
    inside = square > 0
    return np.where(inside, (-b - root) / a, np.inf), np.where(inside, (-b + root) / a, -np.inf)


def _seen(walls: list[tuple[Floats, Floats]]) -> tuple[Floats, Integers]:
    """How far along each ray the last point within all walls lies, and which wall that is."""
    enter, leave = walls[0]
    wall = np.zeros(1, np.int64)
    for k, (start, end) in enumerate(walls[1:], 1):
        wall = np.where(end < leave, k, wall)
        enter, leave = np.maximum(enter, start), np.minimum(leave, end)
    return np.where(enter < leave, leave, -np.inf), wall


HALF = 0.577  # of the cube's edge: its corners are on the unit sphere


def _cube(start: Vector, towards: Vector) -> tuple[Floats, Normal]:
    depth, wall = _seen([_slab(s, d, -HALF, HALF) for s, d in zip(start, towards, strict=True)])

    def normal(point: Vector) -> Vector:
        x, y, z = (np.where(wall == k, np.sign(p), 0.0) for k, p in enumerate(point))
        return x, y, z

    return depth, normal


WIDE, TALL = 0.6, 0.75  # the cylinder's radius and half its height


def _cylinder(start: Vector, towards: Vector) -> tuple[Floats, Normal]:
    (x, y, z), (dx, dy, dz) = start, towards
    curved = _round(dx * dx + dy * dy, x * dx + y * dy, x * x + y * y - WIDE**2)
    depth, wall = _seen([curved, _slab(z, dz, -TALL, TALL)])

    def normal(point: Vector) -> Vector:
        side = wall == 0
        return (
            np.where(side, point[0] / WIDE, 0.0), np.where(side, point[1] / WIDE, 0.0),
            np.where(side, 0.0, np.sign(point[2])),
        )  # fmt: skip

    return depth, normal


BASE, TIP, SLOPE = -0.6, 0.9, 0.5  # the cone's ends, and its radius over the distance from the tip


def _cone(start: Vector, towards: Vector) -> tuple[Floats, Normal]:
    """The camera is never above the extension of its wall (63 degrees), so a ray's way through is one interval."""
    (x, y, z), (dx, dy, dz) = start, towards
    k, w = SLOPE**2, TIP - z
    curved = _round(dx * dx + dy * dy - k * dz * dz, x * dx + y * dy + k * w * dz, x * x + y * y - k * w * w)
    depth, wall = _seen([curved, _slab(z, dz, BASE, TIP)])
    tilt = math.sqrt(1 + k)  # correctly rounded

    def normal(point: Vector) -> Vector:
        radius = np.maximum(SLOPE * (TIP - point[2]), 1e-6)
        side = wall == 0
        return (
            np.where(side, point[0] / radius / tilt, 0.0), np.where(side, point[1] / radius / tilt, 0.0),
            np.where(side, SLOPE / tilt, -1.0),
        )  # fmt: skip

    return depth, normal


SOLIDS: tuple[Solid, ...] = (_cube, _cylinder, _cone)

LOADER = Loader(
    title="Solids",
    licence="none needed: drawn by this code",
    citation="drawn by Paragone, after Burgess and Kim: 3D Shapes, 2018",
    class_names=NAMES,
    attributes={"shape": tuple(range(len(NAMES)))} | {name: tuple(range(count)) for name, count in FACTORS.items()},
    known_problems=("Drawn: figures on it say nothing about photographs.",),
    sources={"generated": generated},
    options=frozenset(DEFAULTS),
)
