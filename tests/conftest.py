"""What every test shares: one thread, no telemetry, and small real data."""

import os
import shutil
import signal
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from paragone.project import environment

environment.prepare(Path(__file__).parents[1])  # before torch is imported
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")  # tests compare with tensors on the CPU
# A shell has what it starts in the background ignore SIGINT, and what that starts in turn.
signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest  # noqa: E402
import torch  # noqa: E402
from filelock import FileLock  # noqa: E402

from paragone.data.base import ImageSet  # noqa: E402
from paragone.models.base import Spec  # noqa: E402

ROOT = Path(__file__).parents[1]


@pytest.hookimpl(trylast=True)  # of what is left of the tests, in the order that their fixtures ask for
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules with slow proofs first, those that may take longest before all: two processes then end together, and what
    waits for servers has beside it what computes."""
    longest = defaultdict[Path, float](float)
    for item in items:
        if item.get_closest_marker("slow"):
            limit = item.get_closest_marker("timeout")
            longest[item.path] = max(longest[item.path], limit.args[0] if limit else 600)
    items.sort(key=lambda item: -longest[item.path])


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's own folder."""
    return ROOT


@pytest.fixture(scope="session")
def blobs() -> ImageSet:
    """256 images of 32 x 32 with one bright square each: quick to draw, and something to learn."""
    draw = torch.Generator().manual_seed(0)
    images = torch.zeros(256, 32, 32, 1, dtype=torch.uint8)
    corners = torch.randint(2, 20, (256, 2), generator=draw)
    for image, (y, x) in zip(images, corners.tolist(), strict=True):
        image[y : y + 10, x : x + 10] = 220
    return ImageSet(images, (corners[:, 0] > 10).long(), Spec((1, 32, 32), 2))


Once = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Makes a folder by its name, once for all processes of a session. It is read; who changes it takes a copy."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def made(name: str, make: Callable[[Path], object]) -> Path:
        folder = shared / f"once-{name}"
        with FileLock(f"{folder}.lock"):
            if not folder.exists():
                unfinished = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=shared))
                make(unfinished)
                unfinished.rename(folder)
        return folder

    return made


@pytest.fixture(scope="module")
def squares(once: Once, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of square images after its stages: a copy for each module, which may add to it."""
    from support import square_images  # imports every stage, which few tests need

    made = once("squares", square_images.make)
    return Path(shutil.copytree(made, tmp_path_factory.mktemp("project"), dirs_exist_ok=True))
