"""Paragone: image generators, compared on the same terms."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from paragone.engine.inference import FinishedModel

__version__ = "0.1.0"


def _load_pyfunc(path: str) -> object:
    """What MLflow calls to load a model that it holds: this package is the loader that the model names."""
    from paragone.engine import inference

    return inference._load_pyfunc(path)


sys.modules["paragone.reuse"] = sys.modules[__name__]  # the loader that models logged before version 0.1.0 name


def load(folder: Path | str) -> FinishedModel:
    """A finished model, from what `paragone export` wrote or from a run's folder.

    `paragone.load(folder).sample(16, seed=0)` is 16 images, uint8 (16,H,W,C). Raises ValueError, saying why.
    """
    from paragone.engine import inference  # only now: whoever imports a part of the package need not wait for torch

    return inference.load(folder)
