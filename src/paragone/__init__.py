"""Paragone: image generators, compared on the same terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from paragone.reuse import FinishedModel

__version__ = "0.1.0"


def load(folder: Path | str) -> FinishedModel:
    """A finished model, from what `paragone export` wrote or from a run's folder.

    `paragone.load(folder).sample(16, seed=0)` is 16 images, uint8 (16,H,W,C). Raises ValueError, saying why.
    """
    from paragone import reuse  # only now: whoever imports a part of the package need not wait for torch

    return reuse.load(folder)
