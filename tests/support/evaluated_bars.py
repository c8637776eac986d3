"""Bars: a data set of small images and labels, with a classifier that tells its classes apart, and a reference."""

from typing import NamedTuple

import torch

from paragone.data.base import ImageSet
from paragone.evaluation import protocol
from paragone.evaluation.extractors.base import Extractor
from paragone.models.base import Spec

CLASSES = 4


def bars(n: int, seed: int) -> ImageSet:
    """Noisy bars (n,16,16,1), of one of four widths, as the label says."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (n,), generator=draw)
    shift = torch.randint(1, 8, (n,), generator=draw)
    at = torch.arange(16)
    inside = (at >= shift[:, None]) & (at < (shift + 1 + 2 * labels)[:, None])  # (n,16)
    noise = torch.randint(0, 60, (n, 16, 16), generator=draw)
    images = (inside[:, None] * 190 + noise).to(torch.uint8)
    return ImageSet(images[..., None], labels, Spec((1, 16, 16), CLASSES))


class Set(NamedTuple):
    train: ImageSet
    test: ImageSet
    extractors: dict[str, Extractor]
    reference: protocol.Reference
