"""Paired: images of a prepared set, each beside a source that is made from it, for image-to-image models.

`path` is the prepared folder of another data set of params.yaml (data/prepared/<name>): its images, labels, attributes
and splits are taken as they are. Options:

- how: edges (dark lines where brightness changes), grey (no colour), low (less resolution), mask (a hole), boxes (of
  sets drawn from known factors: a box for each figure in the colour of its class, on black)
- factor: of low, how many times fewer pixels along each axis; the source keeps the size of the image
- hole: of mask, centre or random; a square of half the side (a quarter of the image, as in context encoders,
  Pathak et al. 2016), filled with mid-grey. seed: of its random places, which are in the manifest's attributes

A source has the channels of its image. Sources are integer arithmetic, the same on any machine.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from paragone.data import counter_rng, image_files
from paragone.data.base import ATTRIBUTE, SPLITS, DatasetError, Loader, Part, Pixels, Request, Upstream, load
from paragone.data.datasets import multi_shapes, shapes
from paragone.project import files

DEFAULTS: Mapping[str, Any] = {"how": "edges", "factor": 4, "hole": "centre", "seed": 0}
BLOCK = 1024  # images handled at once
HOLE = 128  # the level it is filled with
LAYOUTS = {"shapes": shapes.layout, "multi_shapes": multi_shapes.layout}  # of the sets whose figures are known
LUMA = np.array([77, 150, 29])  # ITU-R BT.601, in 256ths


def local(request: Request) -> Upstream:
    """Raises DatasetError if there is no prepared set, or its images allow no such source."""
    assert request.path is not None
    chosen = image_files.options(request, DEFAULTS)
    if not (request.path / "dataset.json").is_file():
        raise DatasetError(
            f"{request.path}: is no prepared data set; give `path:` data/prepared/<name> of another entry of "
            "params.yaml, and ingest that one first"
        )
    facts = files.read_json(request.path / "dataset.json")
    _check(request, chosen, facts)
    made = f"sources made from the images of {facts['title']} ({_method(chosen)}); licence of these: {facts['licence']}"
    return Upstream(
        _parts(request.path, chosen, facts["loader"]),
        exact=facts["exact"],
        warnings=(made, *facts["warnings"]),
        altered=facts["altered"] or facts["padding"] * facts["lossy"],
        class_names=tuple(facts["class_names"]),
        sources="paired",
    )


def _check(request: Request, chosen: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    channels, side, _ = facts["shape"]
    fault = ""
    if facts["name"] == request.raw.name:
        fault = f"path: a set cannot be made from itself ({facts['name']}); name another one"
    elif request.resolution != side:
        fault = f"resolution: {request.resolution}, and {facts['name']} was prepared at {side}; give both the same"
    elif chosen["how"] == "grey" and channels == 1:
        fault = f"options.how: grey needs colour, and {facts['name']} has none; choose another source"
    elif chosen["how"] == "boxes" and facts["loader"] not in LAYOUTS:
        known = "shapes or multi-shapes"
        fault = f"options.how: boxes needs a set that draws figures, and {facts['name']} is none; choose {known}"
    elif chosen["how"] == "low" and (chosen["factor"] < 2 or side % chosen["factor"]):
        fault = f"options.factor: {chosen['factor']} does not divide the side of {side} into blocks; take another"
    if fault:
        raise DatasetError(f"params.yaml: {fault}")


def _method(chosen: Mapping[str, Any]) -> str:
    return {"low": f"1/{chosen['factor']} of the resolution", "mask": f"{chosen['hole']} hole"}.get(
        chosen["how"], chosen["how"]
    )


def _parts(folder: Path, chosen: Mapping[str, Any], loader: str) -> Iterator[Part]:
    table = pq.read_table(folder / "manifest.parquet")
    names = [name for name in table.column_names if name.startswith(ATTRIBUTE)]
    for number, split in enumerate(SPLITS):
        data = load(folder, split)
        rows = table.filter(np.asarray(table["split"]) == split)
        for start in range(0, len(data.images), BLOCK):
            block = rows.slice(start, BLOCK)
            images = data.images[start : start + BLOCK].numpy()
            attributes = {name.removeprefix(ATTRIBUTE): block[name].to_numpy() for name in names}
            places = _places(np.arange(start, start + len(images)), images.shape[1], number, chosen)
            label = None if data.labels is None else block["label"].to_numpy()
            yield Part(split, images, label, block["file"].to_pylist(), block["row"].to_numpy(), attributes | places)
            if chosen["how"] == "boxes":
                made = LAYOUTS[loader](attributes, images.shape[1])
            else:
                made = source(images, chosen, places)
            yield Part(split, made, None, block["file"].to_pylist(), source=True)


def _places(index: np.ndarray, side: int, split: int, chosen: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Left and upper edge of each hole that is not in the middle."""
    if chosen["how"] != "mask" or chosen["hole"] == "centre":
        return {}
    room = side - side // 2 + 1
    return {f"hole_{axis}": counter_rng.integers(index, room, chosen["seed"], split, k) for k, axis in enumerate("xy")}


def source(images: Pixels, chosen: Mapping[str, Any], places: Mapping[str, np.ndarray]) -> Pixels:
    """The sources (n,H,W,C) of images (n,H,W,C); places of holes as attributes name them, (n,) each."""
    if chosen["how"] == "edges":
        return np.repeat(edges(luma(images))[..., None], images.shape[3], 3)
    if chosen["how"] == "grey":
        return np.repeat(luma(images)[..., None], images.shape[3], 3)
    if chosen["how"] == "low":
        return low(images, chosen["factor"])
    middle = np.full(len(images), (images.shape[1] - images.shape[1] // 2) // 2)
    return masked(images, places.get("hole_x", middle), places.get("hole_y", middle))


def luma(images: Pixels) -> Pixels:
    """(n,H,W) of (n,H,W,C): brightness, rounded; of one channel, that channel."""
    if images.shape[3] == 1:
        return images[..., 0]
    grey: Pixels = ((images.astype(np.uint32) @ LUMA.astype(np.uint32) + 128) >> 8).astype(np.uint8)
    return grey


def edges(grey: Pixels) -> Pixels:
    """255 less the length of Sobel's gradient of (n,H,W), of which 1,020 is the most along one axis; a quarter of it,
    so that a step of the whole range is black."""
    wide = np.pad(grey.astype(np.int32), ((0, 0), (1, 1), (1, 1)), mode="edge")
    down = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]  # smoothed along H
    across = wide[..., :-2] + 2 * wide[..., 1:-1] + wide[..., 2:]  # and along W
    gx, gy = down[..., 2:] - down[..., :-2], across[:, 2:] - across[:, :-2]
    length = np.sqrt((gx * gx + gy * gy).astype(np.float64)) / 4
    return (255 - np.minimum(np.floor(length + 0.5), 255)).astype(np.uint8)


def low(images: Pixels, factor: int) -> Pixels:
    """Each block of factor x factor pixels as their mean, rounded."""
    n, height, width, c = images.shape
    blocks = images.reshape(n, height // factor, factor, width // factor, factor, c).sum((2, 4), dtype=np.uint32)
    means = ((2 * blocks + factor**2) // (2 * factor**2)).astype(np.uint8)
    return means.repeat(factor, 1).repeat(factor, 2)


def masked(images: Pixels, left: np.ndarray, upper: np.ndarray) -> Pixels:
    """A square hole of half the side with these edges, (n,) each."""
    side = images.shape[1]
    place = np.arange(side)
    x, y = ((place >= edge[:, None]) & (place < edge[:, None] + side // 2) for edge in (left, upper))  # (n,side)
    return np.where((y[:, :, None] & x[:, None, :])[..., None], np.uint8(HOLE), images)


LOADER = Loader(
    title="Paired",
    licence="that of the set it is made from",
    citation="made by Paragone from another data set",
    class_names=(),  # those of the set it is made from
    sources={"local": local},
    options=frozenset(DEFAULTS),
)
