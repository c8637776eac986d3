"""Files in the exact layouts of CIFAR-10, made of procedural images that are nobody's photographs."""

import io
import struct
import tarfile
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
BATCHES = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch")


@cache
def pictures(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Smooth waves: images (n,32,32,3) uint8, labels (n,) in turn."""
    i = np.arange(n)[:, None, None, None]
    y, x, c = np.ogrid[:32, :32, :3]
    waves = np.sin((x * (i % 7 + 1) + y * (i % 11 + 1)) / 12 + c * (1 + i % 3) + i)
    return np.round(127.5 + 120 * waves).astype(np.uint8), np.arange(n) % 10


def rows(images: np.ndarray) -> np.ndarray:
    """(n,32,32,3) as (n,3072), channel by channel."""
    return images.transpose(0, 3, 1, 2).reshape(len(images), -1)


def python2_pickle(images: np.ndarray, labels: np.ndarray, title: str = "training batch 1 of 5") -> bytes:
    """A batch as Python 2's cPickle wrote it at protocol 2, memo and all."""
    data = rows(images)
    memo = iter(range(1 << 30))

    def put() -> bytes:
        k = next(memo)
        return b"q" + bytes([k]) if k < 256 else b"r" + struct.pack("<I", k)

    def text(value: str) -> bytes:
        return b"U" + bytes([len(value)]) + value.encode() + put()

    def number(n: int) -> bytes:
        return b"K" + bytes([n]) if n < 256 else b"M" + struct.pack("<H", n)

    out = b"\x80\x02}" + put() + b"(" + text("batch_label") + text(title)
    out += text("labels") + b"]" + put() + b"(" + b"".join(number(int(c)) for c in labels) + b"e"
    out += text("data") + b"cnumpy.core.multiarray\n_reconstruct\n" + put() + b"cnumpy\nndarray\n" + put()
    out += b"K\x00\x85" + put() + text("b") + b"\x87" + put() + b"R" + put()
    out += b"(K\x01" + number(len(data)) + number(data.shape[1]) + b"\x86" + put()
    out += b"cnumpy\ndtype\n" + put() + text("u1") + b"K\x00K\x01\x87" + put() + b"R" + put()
    out += b"(K\x03" + text("|") + b"NNN" + b"J\xff\xff\xff\xff" * 2 + b"K\x00t" + put() + b"b\x89"
    out += b"T" + struct.pack("<i", data.size) + data.tobytes() + put() + b"t" + put() + b"b"
    names = b"".join(text(f"photo_s_{k:06}.png") for k in range(len(labels)))
    return out + text("filenames") + b"]" + put() + b"(" + names + b"eu."


def binary(images: np.ndarray, labels: np.ndarray) -> bytes:
    return np.concatenate([labels.astype(np.uint8)[:, None], rows(images)], 1).tobytes()


def batches(layout: str, size: int = 20) -> dict[str, bytes]:
    """The six files of a layout ("python" or "binary") by the name they have in its archive, `size` images each."""
    images, labels = pictures(6 * size)
    found = {}
    for i, name in enumerate(BATCHES):
        part = slice(i * size, (i + 1) * size)
        if layout == "python":
            found[f"cifar-10-batches-py/{name}"] = python2_pickle(images[part], labels[part])
        else:
            found[f"cifar-10-batches-bin/{name}.bin"] = binary(images[part], labels[part])
    return found | {f"cifar-10-batches-{'py' if layout == 'python' else 'bin'}/readme.html": b"<html></html>"}


def class_folders(kind: str, train: int = 40, test: int = 20) -> dict[str, bytes]:
    """train/<class>/0000.png ..., one class after the other, in the image format `kind` ("png" or "jpg")."""
    images, labels = pictures(train + test)
    found = {}
    for i in sorted(range(train + test), key=lambda i: (i >= train, labels[i], i)):
        file = io.BytesIO()
        Image.fromarray(images[i]).save(file, {"png": "PNG", "jpg": "JPEG"}[kind])
        found[f"{'test' if i >= train else 'train'}/{CLASSES[labels[i]]}/{i:04}.{kind}"] = file.getvalue()
    return found


def write_folder(folder: Path, content: dict[str, bytes]) -> Path:
    for name, data in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def write_tar(file: Path, content: dict[str, bytes]) -> Path:
    """A tar compressed as its name says."""
    mode = {".gz": "w:gz", ".xz": "w:xz", ".bz2": "w:bz2", ".tar": "w"}[file.suffix]
    with tarfile.open(file, mode) as tar:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return file
