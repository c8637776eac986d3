"""Files of every kind that the project reads, broken at random."""

import gzip
import io
import json
import random
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from paragone.data import archives, idx, image_io
from paragone.engine import checkpoint, inference
from paragone.models.base import Spec
from paragone.project import files, settings
from support import settings_files, stand_in

PICTURES = {"JPEG": "jpg", "PNG": "png", "GIF": "gif", "TIFF": "tif", "WEBP": "webp"}
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF)
WORDS = (
    b"",
    b"\0" * 8,
    b"\xff" * 4,
    b"-1",
    b"1e999",
    b"[[",
    b"{}",
    b"null",
    b"9" * 40,
    b"\x1b[2J",
    b"!!python/x ",
    b"&a *a",
)


class Kind(NamedTuple):
    """A kind of file: a sound one, and how it is read from a path."""

    name: str
    sound: bytes
    file: Path
    read: Callable[[Path], object]


def kinds(folder: Path) -> list[Kind]:
    """All kinds; their files are written below `folder`."""
    return [Kind(name, sound, file, read) for name, sound, file, read in _all(folder)]


def _all(folder: Path) -> Iterator[tuple[str, bytes, Path, Callable[[Path], object]]]:
    for form, suffix in PICTURES.items():
        yield form, _picture(form), folder / f"x.{suffix}", lambda path: image_io.decode(path.read_bytes(), "RGB")
    images = b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (3, 4, 5)) + bytes(range(60))
    yield "IDX", images, folder / "idx", lambda path: idx.read(path, 3)
    yield "IDX, gzip", gzip.compress(images, mtime=0), folder / "idx.gz", lambda path: idx.read(path, 3)
    table = io.BytesIO()
    np.savez_compressed(table, a=np.arange(12).reshape(3, 4), b=np.ones((2, 2), np.uint8))
    yield "npz", table.getvalue(), folder / "x.npz", _members
    yield "zip", _zip(), folder / "x.zip", _members
    for mode in ("", "gz", "bz2", "xz"):
        yield f"tar {mode}".strip(), _tar(mode), folder / f"x{mode}.tar", _members
    project = folder / "project"
    project.mkdir()
    settings_files.write(project, stand_in.SMALL)
    for file in (project / "params.yaml", project / "profiles/quick.yaml"):
        yield file.name, file.read_bytes(), file, lambda _, root=project: settings.load(root, "quick")
    run = folder / "run"
    recipe = checkpoint.recipe("gan", Spec((1, 8, 8)), {}, {})
    ended = {"outcome": "finished", "precision": "fp32"}
    checkpoint.save_model(run / "model.safetensors", checkpoint.build(recipe), recipe, **ended)
    model = run / "model.safetensors"
    yield "model", model.read_bytes(), model, lambda _, run=run: inference.load(run)
    beside = json.dumps({"batch": 8, "n": 16}).encode()
    yield "sampling.json", beside, folder / "other/sampling.json", files.read_json


def _picture(form: str) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    image, whole = Image.fromarray(pixels), io.BytesIO()
    tags = Image.Exif()
    tags[0x0112], tags[0x010E], tags[0x011A] = 6, "a description", 72.0
    if form == "GIF":
        frames = [image.rotate(90)]
        image.save(whole, form, save_all=True, append_images=frames, comment=b"a comment")
    else:
        image.save(whole, form, exif=tags, **({"dpi": (72, 72)} if form != "WEBP" else {}))
    return whole.getvalue()


def _zip() -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a/1.png", "a/2.png", "b/3.png"):
            archive.writestr(zipfile.ZipInfo(name), b"content of " + name.encode() * 9)
    return whole.getvalue()


def _tar(mode: str) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode=f"w:{mode}", format=tarfile.PAX_FORMAT) as archive:
        for name in ("a/1.png", "b/2.png"):
            info = tarfile.TarInfo(name)
            info.size, info.pax_headers = 20, {"comment": "x"}
            archive.addfile(info, io.BytesIO(b"y" * 20))
    return whole.getvalue()


def _members(path: Path) -> object:
    return list(archives.members(path, lambda name: True, 10**6))


def attempt(kind: Kind, seed: int) -> Exception | None:
    """Break the kind's file by a seed and read it; what is raised, if anything. The sound file is put back."""
    kind.file.parent.mkdir(parents=True, exist_ok=True)
    kind.file.write_bytes(broken(kind.sound, random.Random(f"{kind.name} {seed}")))
    try:
        with warnings.catch_warnings(action="ignore"):  # Pillow says of many tags what is wrong with them
            kind.read(kind.file)
    except Exception as error:
        return error
    finally:
        kind.file.write_bytes(kind.sound)
    return None


def broken(sound: bytes, chance: random.Random) -> bytes:
    """The bytes with one to four changes."""
    data = bytearray(sound)
    for _ in range(chance.randint(1, 4)):
        at = min(int(chance.expovariate(3 / (len(data) + 1))), len(data))  # headers, which come first, break best
        match chance.randrange(6):
            case 0 if at < len(data):
                data[at] = chance.choice((*NUMBERS, chance.randrange(256)))
            case 1 if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case 2:
                del data[at : at + chance.choice((1, 4, 100, len(data)))]
            case 3:
                data[at:at] = chance.choice(WORDS)
            case 4:
                data[at:at] = data[chance.randrange(len(data) + 1) :][: chance.choice((4, 64))]
            case 5:
                data[at : at + 4] = chance.choice((2**31 - 1, 2**32 - 1, 0, 10**6)).to_bytes(
                    4, chance.choice(("big", "little"))
                )
    return bytes(data)


def is_sentence(error: Exception, kind: Kind) -> bool:
    """Whether an error is one that a command prints as its one line: of the project's own, or naming the file."""
    ours = type(error).__module__.startswith("paragone.") or kind.file.name in str(error)
    return ours and isinstance(error, ValueError | OSError) and "\n" not in str(error) and len(str(error)) > 10
