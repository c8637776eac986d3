"""What the pixels of a prepared split say, in one pass: one hash per image, moments by channel, the mean of each class.

Memory does not grow with the split: images may be memory-mapped, and a block of them is looked at once.
"""

import base64
import hashlib
import io
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from paragone.data.base import Pixels
from paragone.data.split_writer import offset

BLOCK = 256  # images
GRID = 8  # class means are of images averaged to 8 x 8
EDGES = 5000  # images are enough to see the blocks of JPEG
JPEG = 8  # side of its blocks
THUMBNAIL = 64  # pixels, at most

Floats = NDArray[np.float64]


class Inspection(NamedTuple):
    """One split: n images of C channels."""

    sha256: list[str]  # of each image
    whole: str  # of all images in order
    contrast: NDArray[np.int64]  # (n,) of each image, brightest minus darkest value, padding left out
    mean: Floats  # (C,) in 0 to 1, over all pixels
    std: Floats  # (C,)
    class_counts: NDArray[np.int64]  # (K,)
    class_means: Floats  # (K,D) in 0 to 1; NaN for a class without images
    class_variance: Floats  # (K,) summed over D
    edges: float  # jump of brightness at edges of 8 x 8 blocks over that beside them; 1 without JPEG


def inspect(images: Pixels, labels: NDArray[np.int64], classes: int, size: tuple[int, int] | None = None) -> Inspection:
    """Look at images (n,H,W,C), which are `size` (height, width) before padding.

    Labels (n,) outside of 0 to classes - 1 belong to no class.
    """
    n, height, width, channels = images.shape
    inner = _inner((height, width), size or (height, width))
    rows, columns = (np.unique(np.arange(GRID) * size // GRID) for size in (height, width))
    area = np.outer(np.diff([*rows, height]), np.diff([*columns, width]))[..., None] * 255.0
    hashes, whole = list[str](), hashlib.sha256()
    contrast = np.empty(n, np.int64)
    total, squares = np.zeros(channels), np.zeros(channels)
    sums, sums2 = np.zeros((classes, area.size * channels)), np.zeros(classes)
    for start in range(0, n, BLOCK):
        block = np.ascontiguousarray(images[start : start + BLOCK])
        hashes += [hashlib.sha256(image.data).hexdigest() for image in block]
        whole.update(block.data)
        inside = block[:, *inner].reshape(len(block), -1)
        contrast[start : start + BLOCK] = inside.max(1).astype(int) - inside.min(1)
        cells = np.add.reduceat(np.add.reduceat(block, rows, 1, np.uint32), columns, 2)  # (b,8,8,C)
        total += cells.sum((0, 1, 2), dtype=np.uint64)
        squares += np.square(block, dtype=np.uint32).sum((0, 1, 2), dtype=np.uint64)
        known = (labels[start : start + BLOCK] >= 0) & (labels[start : start + BLOCK] < classes)
        of, pooled = labels[start : start + BLOCK][known], (cells / area)[known].reshape(-1, area.size * channels)
        np.add.at(sums, of, pooled)
        np.add.at(sums2, of, np.square(pooled).sum(1))
    counts = np.bincount(labels[(labels >= 0) & (labels < classes)], minlength=classes)
    with np.errstate(invalid="ignore", divide="ignore"):
        class_means = sums / counts[:, None]
        variance = np.maximum(sums2 / counts - np.square(class_means).sum(1), 0)
    pixels = n * height * width
    mean = total / pixels / 255
    std = np.sqrt(np.maximum(squares / pixels / 255**2 - mean**2, 0))
    edges = _edges(images[:EDGES])
    return Inspection(hashes, whole.hexdigest(), contrast, mean, std, counts, class_means, variance, edges)


def _inner(whole: tuple[int, int], inner: tuple[int, int]) -> tuple[slice, slice]:
    """Where the image itself is within its padding (`split_writer.fit`)."""
    before = [max(0, offset(size, of)) for of, size in zip(whole, inner, strict=True)]
    top, left = (slice(start, start + size) for start, size in zip(before, inner, strict=True))
    return top, left


def _edges(images: Pixels) -> float:
    """Mean jump from pixel to pixel where 8 x 8 blocks meet, over that one and two pixels to either side."""
    at, beside = 0.0, 0.0
    for axis in (1, 2):
        size = images.shape[axis]
        if size < 2 * JPEG:
            continue
        across = np.zeros(size - 1)
        for start in range(0, len(images), BLOCK):
            jumps = np.abs(np.diff(images[start : start + BLOCK].astype(np.int16), axis=axis))
            across += jumps.sum(tuple({0, 1, 2, 3} - {axis}), dtype=np.int64)
        edge = np.arange(JPEG - 1, size - 3, JPEG)
        at += across[edge].sum()
        beside += sum(across[edge + k].sum() for k in (-2, -1, 1, 2)) / 4
    return float(at / beside) if beside else 1.0


def nearest_classes(train: Inspection, test: Inspection, doubt: float) -> list[int]:
    """For each class, whose mean training image its mean test image is nearest to, where that is beyond chance.

    Beyond chance: its squared distance to its own is more than `doubt` times what so few images explain.
    """
    found = []
    for k, (mean, variance, n) in enumerate(zip(test.class_means, test.class_variance, test.class_counts, strict=True)):
        distances = np.square(train.class_means - mean).sum(1)  # (K,)
        with np.errstate(invalid="ignore", divide="ignore"):
            chance = variance / n + train.class_variance[k] / train.class_counts[k]
        surprising = distances[k] > doubt * chance  # never for a class without images: NaN
        found.append(int(np.nanargmin(distances)) if surprising else k)
    return found


def thumbnail(image: Pixels) -> str:
    """An image (H,W,C) as a data URI, PNG, scaled down to 64 pixels where it is larger."""
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    picture.save(buffer, "png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
