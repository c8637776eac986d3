"""What every test shares: one thread, no telemetry, and small real data."""

import os
import signal
from pathlib import Path

from paragone.project import environment

environment.prepare(Path(__file__).parents[1])  # before torch is imported
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")  # tests compare with tensors on the CPU
# A shell has what it starts in the background ignore SIGINT, and what that starts in turn.
signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest  # noqa: E402
import torch  # noqa: E402

from paragone.data.base import ImageSet  # noqa: E402
from paragone.models.base import Spec  # noqa: E402

ROOT = Path(__file__).parents[1]


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
