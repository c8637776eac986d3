"""Held-out scores along a training, and the weights that they choose.

What is held out, and how samples are scored by it, is for whoever trains to say: the engine knows no metric.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torch import Tensor

from paragone.engine import hardware
from paragone.models.base import Model


class HeldOut(NamedTuple):
    """Training images that a model does not see, and a score by them."""

    rest: Tensor  # (K,) int64: the images that it sees
    n: int  # that it does not see
    by: str  # what the score is, for readers
    # figures by name of a model in eval mode that samples in a precision, fp32 or bf16; the lowest of the first is best
    score: Callable[[Model, str], Mapping[str, float]]


class Selection:
    """The scores of one training so far, and the best weights."""

    def __init__(self, model: Model, score: Callable[[Model, str], Mapping[str, float]], precision: str) -> None:
        self.model, self.precision = model, precision  # the weights that are scored: averaged, or a copy
        self._score = score
        self.scored, self.seconds = 0, 0.0  # how often, and what it took
        self.kimg, self.lowest = 0.0, math.inf  # of the best so far
        self.improved = False  # whether the last score is the best
        self.best: dict[str, Tensor] = {}  # its weights, on the CPU; empty unless they are kept

    def score_at(self, kimg: float) -> Mapping[str, float]:
        """Score the model after `kimg` thousand images. A figure that is not finite is never the best."""
        device = next(self.model.parameters()).device
        started = hardware.seconds(device)
        found = self._score(self.model, self.precision)
        self.seconds += hardware.seconds(device) - started
        self.scored += 1
        first = next(iter(found.values()))
        self.improved = first < self.lowest
        if self.improved:
            self.kimg, self.lowest = kimg, first
        return found

    def keep(self, tensors: Mapping[str, Tensor]) -> None:
        """Keep these weights as the best."""
        self.best = {key: value.detach().to("cpu", copy=True) for key, value in tensors.items()}

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds of it, beside the weights."""
        lowest = self.lowest if math.isfinite(self.lowest) else None
        return {"scored": self.scored, "seconds": self.seconds, "kimg": self.kimg, "lowest": lowest}

    def restore(self, state: Mapping[str, Any], best: dict[str, Tensor]) -> None:
        """Go on from a checkpoint."""
        self.scored, self.seconds, self.kimg = state["scored"], state["seconds"], state["kimg"]
        self.lowest, self.best = math.inf if state["lowest"] is None else state["lowest"], best
