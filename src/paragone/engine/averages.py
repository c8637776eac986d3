"""Averaged weights along a training."""

import copy

import torch

from paragone.engine.resumption import not_frozen
from paragone.models.base import Model


def averaged_copy(model: Model) -> Model:
    """A copy in eval mode for the averaged weights; parents never change, so the two share theirs."""
    copied = copy.deepcopy(model, {id(model.frozen): model.frozen})
    return copied.eval().requires_grad_(False)


@torch.no_grad()
def average(ema: Model, model: Model, decay: float) -> None:
    """Move the averaged weights by a step; buffers are taken over."""
    pairs = [(a, b) for (k, a), b in zip(ema.named_parameters(), model.parameters(), strict=True) if not_frozen(k)]
    torch._foreach_lerp_([a for a, _ in pairs], [b for _, b in pairs], 1 - decay)
    for (key, a), b in zip(ema.named_buffers(), model.buffers(), strict=True):
        if not_frozen(key):
            a.copy_(b)
