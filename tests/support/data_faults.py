"""Faults put into copies of data sets on purpose, and what ingesting and validating them then says.

`PYTHONPATH=tests python -m support.data_faults` writes docs/data-faults.md. A set without the fault says
nothing of it: what is said of the whole copy is taken away.
"""

import importlib
import io
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from paragone.data.datasets import cifar10
from paragone.project import environment, files, paths
from paragone.project.params import Dataset, Params
from paragone.stages import ingest, validate
from support import ROOT, celeba_files, cifar10_files, idx_files

sys.path += [str(ROOT / "tests/data"), str(ROOT / "tests/data/datasets")]  # whose tables of faults are shown too

NAME = "copy"
TRAIN, TEST = 1600, 800
Digits = dict[str, list[np.ndarray]]  # by split: images (n,28,28), labels (n,)


class Fault(NamedTuple):
    """Something wrong with a copy of a set."""

    where: str
    what: str
    put: Callable[[Path], None]  # writes the copy, spoilt, to this path
    loader: str


def messages(root: Path, loader: str, path: Path) -> list[str]:
    """Ingest and validate what stands at `path`: "stops: ..." or each "warns: ..."."""
    entry = Dataset(loader=loader, source="local", path=str(path), resolution=64 if loader == "celeba" else 32)
    params = Params.model_construct(profile="none", profiles={}, datasets={NAME: entry})
    try:
        ingest.run(root, params, NAME)
        validate.run(root, params, NAME)
    except ValueError as error:
        return [f"stops: {str(error).replace(str(root), '').replace('/data/prepared/', '')}"]
    facts = files.read_json(root / paths.prepared(NAME) / "dataset.json")
    return [f"warns: {w}" for w in (*facts["warnings"], *files.read_json(root / paths.validation(NAME))["warnings"])]


def answer(fault: Fault, root: Path) -> list[str]:
    """What is said of a copy with the fault that is not said of one without."""
    path = root / "spoilt"
    fault.put(path)
    return [sentence for sentence in messages(root / "with", fault.loader, path) if sentence not in usual(fault.loader)]


@cache
def usual(loader: str) -> frozenset[str]:
    """What is said of a copy without a fault."""
    with tempfile.TemporaryDirectory() as folder:
        found = messages(Path(folder) / "with", loader, _write_whole(loader, Path(folder) / "spoilt"))
    assert not any(sentence.startswith("stops") for sentence in found), found
    return frozenset(found)


def _write_whole(loader: str, path: Path) -> Path:
    if loader == "mnist":
        _write_digits(path, _digits())
    elif loader == "cifar10":
        cifar10_files.write_folder(path, _photographs())
    else:
        celeba_files.write(path)
    return path


def _digits() -> Digits:
    images, labels = idx_files.digits()
    parts = {"train": slice(0, TRAIN), "t10k": slice(TRAIN, TRAIN + TEST)}
    return {split: [images[part].copy(), labels[part].copy()] for split, part in parts.items()}


def _write_digits(folder: Path, digits: Digits) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for split, (images, labels) in digits.items():
        idx_files.write(folder / f"{split}-images-idx3-ubyte.gz", idx_files.encode(images))
        idx_files.write(folder / f"{split}-labels-idx1-ubyte.gz", idx_files.encode(labels))


@cache
def _pixels(n: int = 2400) -> np.ndarray:
    """Clouds with the channel statistics of CIFAR-10, (n,32,32,3) uint8: nobody's photographs."""
    draw, statistics = np.random.default_rng(0), cifar10.LOADER.statistics
    assert statistics is not None
    noise = np.fft.rfft2(draw.standard_normal((n, 32, 32, 3)), axes=(1, 2))
    rate = np.hypot(*np.meshgrid(np.fft.fftfreq(32), np.fft.rfftfreq(32), indexing="ij"))
    clouds = np.fft.irfft2(noise / np.maximum(rate, 1 / 32)[None, ..., None] ** 1.2, axes=(1, 2))
    clouds = (clouds - clouds.mean((0, 1, 2))) / clouds.std((0, 1, 2))
    for _ in range(8):  # clipping takes from the deviation what is given back here
        scaled = np.clip(clouds * statistics.std + np.array(statistics.mean), 0, 1)
        clouds += (np.array(statistics.mean) - scaled.mean((0, 1, 2))) / statistics.std
        clouds *= np.array(statistics.std) / scaled.std((0, 1, 2))
    return np.round(scaled * 255).astype(np.uint8)


def _photographs(
    change: Callable[[np.ndarray], np.ndarray] = lambda image: image, kind: str = "png"
) -> dict[str, bytes]:
    """Class folders of 2,000 and 400 images, each changed and then written."""
    found = {}
    for i, image in enumerate(_pixels()):
        split, file = "train" if i < 2000 else "test", io.BytesIO()
        Image.fromarray(change(image)).save(file, "PNG" if kind == "png" else "JPEG", compress_level=1)
        found[f"{split}/{cifar10_files.CLASSES[i % 10]}/{i:04}.{kind}"] = file.getvalue()
    return found


def _by_jpeg(image: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=75)
    return np.asarray(Image.open(file))


def _blurred(image: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(6)))


def _digit_faults() -> Iterator[tuple[str, Callable[[Digits], object]]]:
    """What can be wrong with images and labels while the files themselves are whole."""

    def swap(d: Digits, split: str, a: int, b: int) -> None:
        labels = d[split][1]
        d[split][1] = np.where(labels == a, b, np.where(labels == b, a, labels)).astype(np.uint8)

    def move(d: Digits, to: str, n: int, source: str, start: int = 0) -> None:
        for k in (0, 1):
            d[to][k][100 : 100 + n] = d[source][k][start : start + n]

    def fill(d: Digits, split: str, n: int, value: int) -> None:
        d[split][0][:n] = value

    def both(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Digits], None]:
        return lambda d: [part.__setitem__(0, np.ascontiguousarray(change(part[0]))) for part in d.values()] and None

    yield "labels of 3 and 5 swapped in the training split", lambda d: swap(d, "train", 3, 5)
    yield "labels of 4 and 9 swapped in the test split", lambda d: swap(d, "t10k", 4, 9)
    yield "labels shifted by one image", lambda d: d["train"].__setitem__(1, np.roll(d["train"][1], 1))
    yield "a class relabelled as another in the test split", lambda d: d["t10k"][1].__setitem__(d["t10k"][1] == 4, 9)
    yield (
        "a class all but missing",
        lambda d: d["train"].__setitem__(
            slice(None), [a[~((d["train"][1] == 7) & (np.arange(TRAIN) > 90))] for a in d["train"]]
        ),
    )
    yield "one test image leaked into the training split", lambda d: move(d, "train", 1, "t10k")
    yield "50 test images leaked into the training split", lambda d: move(d, "train", 50, "t10k")
    yield "one training image twice", lambda d: move(d, "train", 1, "train", 1000)
    yield "50 training images twice", lambda d: move(d, "train", 50, "train", 1000)
    yield (
        "the training split in place of the test split",
        lambda d: d.__setitem__("t10k", [a[:TEST].copy() for a in d["train"]]),
    )
    yield "a black image", lambda d: fill(d, "test" if "test" in d else "t10k", 1, 0)
    yield "a white image", lambda d: fill(d, "train", 1, 255)
    yield "nearly constant images", lambda d: d["train"][0][:3].__setitem__(slice(None), d["train"][0][:3] // 40)
    yield "inverted (black on white)", both(lambda x: 255 - x)
    yield "scaled to 0 to 1", both(lambda x: x // 128)
    yield "half as bright", both(lambda x: x // 2)
    yield "binarised", both(lambda x: ((x > 127) * 255).astype(np.uint8))
    yield "test split inverted", lambda d: d["t10k"].__setitem__(0, 255 - d["t10k"][0])
    yield (
        "test images transposed",
        lambda d: d["t10k"].__setitem__(0, np.ascontiguousarray(d["t10k"][0].transpose(0, 2, 1))),
    )


def faults() -> Iterator[Fault]:
    """Every fault of the table."""
    yield from content_faults()
    yield from _file_faults()


def content_faults() -> Iterator[Fault]:
    """Those in images and labels, of files that are whole."""

    def of_digits(change: Callable[[Digits], object]) -> Callable[[Path], None]:
        def put(path: Path) -> None:
            digits = _digits()
            change(digits)
            _write_digits(path, digits)

        return put

    for what, change in _digit_faults():
        yield Fault("MNIST, content", what, of_digits(change), "mnist")
    photographs: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
        "channels in the order blue, green, red": (lambda x: x[..., ::-1], "png"),
        "one grey channel three times": (lambda x: np.repeat(x[..., :1], 3, -1), "png"),
        "inverted": (lambda x: 255 - x, "png"),
        "JPEG in place of PNG": (lambda x: x, "jpg"),
        "PNG made from JPEG": (_by_jpeg, "png"),
        "blurred": (_blurred, "png"),
    }
    for what, (alter, kind) in photographs.items():
        put = lambda path, alter=alter, kind=kind: cifar10_files.write_folder(path, _photographs(alter, kind))  # noqa: E731
        yield Fault("CIFAR-10 as class folders, content", what, put, "cifar10")


def _file_faults() -> Iterator[Fault]:
    """What the tests of each reader hold, through the stages of the pipeline."""
    tables = {name: importlib.import_module(name) for name in ("test_idx", "test_archives", "test_pickles")}
    for what, (name, content, _) in tables["test_idx"]._faults().items():

        def in_file(path: Path, name: str = name, content: bytes = content) -> None:
            idx_files.write_set(path)
            (path / name).write_bytes(content)

        yield Fault("MNIST, an IDX file", what, in_file, "mnist")
    for what, (content, _) in tables["test_archives"]._hostile().items():
        if "bomb" not in what and what != "declared":  # the limit of a real set is a gigabyte
            yield Fault("CIFAR-10, an archive", what, lambda p, c=content: _file(p, c), "cifar10")  # type: ignore[misc]
    for what, (content, _) in tables["test_pickles"].HOSTILE.items():
        spoilt = cifar10_files.batches("python") | {"cifar-10-batches-py/data_batch_1": content}
        put = lambda path, spoilt=spoilt: cifar10_files.write_folder(path, spoilt)  # noqa: E731
        yield Fault("CIFAR-10, a pickle", what, put, "cifar10")
    for what, (inject, _) in importlib.import_module("test_celeba").FAULTS.items():
        yield Fault("CelebA", what, lambda p, inject=inject: inject(celeba_files.write(p)), "celeba")  # type: ignore[misc]


def _file(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def table() -> str:
    """Every fault and its message, in Markdown. Raises AssertionError for one that passed silently."""
    lines = ["| where | fault | message |", "|---|---|---|"]
    for fault in faults():
        with tempfile.TemporaryDirectory() as folder:
            sentences = answer(fault, Path(folder))
        assert sentences, f"{fault.where}: {fault.what}: no message"
        text = re.sub(r"/tmp/\S*?/(?=spoilt|with)", "", "; ".join(sentences)).replace("|", "\\|")
        lines.append(f"| {fault.where} | {fault.what} | {' '.join(text.split())} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    environment.prepare(ROOT)
    body = table()
    count = body.count("\n") - 2
    head = f"# Faults injected into data sets\n\n{count} faults, each in a copy of an otherwise intact data set, "
    head += "and what `paragone ingest` and `paragone validate` say about it.\n"
    head += "Written by `PYTHONPATH=tests python -m support.data_faults`.\n\n"
    files.write_text(ROOT / "docs/data-faults.md", head + body)


if __name__ == "__main__":
    main()
