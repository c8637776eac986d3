"""A sampler from outside: `package.module:function`, of whoever's project.

    def function(n: int, labels: Tensor | None, seed: int, device: torch.device) -> images

Images are (n,H,W,C), (n,C,H,W) or (n,H,W), whole numbers from 0 to 255 or floats from 0 to 1, as an array or a tensor.
labels: (n,) int64, the classes to draw, where its row says `labels: true`. It seeds itself: the same seed, the same
images.
"""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from paragone.data.guests import GuestError


class Sampler(NamedTuple):
    """A function that draws images; it has a title and needs as a model has."""

    title: str
    needs: frozenset[str]  # "label", if it takes labels
    function: Callable[..., Any]

    def draw(self, n: int, labels: Tensor | None, seed: int, device: torch.device) -> Any:
        """What the function returns: an array of n images. Raises GuestError."""
        try:
            found = self.function(n=n, labels=labels, seed=seed, device=device)
        except (Exception, SystemExit) as error:  # whatever a stranger's function does
            raise GuestError(f"{self.title}: raised {_message(error)}; correct it") from error
        array = found.detach().cpu().numpy() if isinstance(found, Tensor) else found
        length = len(array) if hasattr(array, "shape") and array.shape else None
        if length != n:
            given = f"{length} images" if length is not None else type(found).__name__
            raise GuestError(f"{self.title}: returned {given} for n = {n}; return an array of n images")
        return array


def load(root: Path, name: str, labels: bool = False) -> Sampler:
    """The function `package.module:function`, found in the project's folder or installed. Raises GuestError."""
    module, _, function = name.partition(":")
    title = f"sampler {name}"
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        found = getattr(importlib.import_module(module), function, None)
    except (Exception, SystemExit) as error:  # whatever a stranger's module does when it is imported
        raise GuestError(f"{title}: cannot be imported ({_message(error)}); correct it") from None
    if not callable(found):
        raise GuestError(f"{title}: {module} has no function '{function}'; correct the name")
    return Sampler(title, frozenset({"label"} if labels else ()), found)


def _message(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
