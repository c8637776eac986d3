"""What a loop keeps from one step to the next, in tensors that stay where they are, as a graph of a step needs it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

_staying: ContextVar[bool] = ContextVar("staying", default=False)


@dataclass(frozen=True)
class Step:
    """A function of tensors that also changes some, for `repeated`: in place, and no others."""

    run: Callable[..., Any]
    state: Sequence[Tensor]  # what it changes; complete once it was called

    def __call__(self, *inputs: Tensor) -> Any:
        return self.run(*inputs)


@contextmanager
def staying() -> Iterator[None]:
    """Inside, steps may be replayed as graphs."""
    token = _staying.set(True)
    try:
        yield
    finally:
        _staying.reset(token)


def stays() -> bool:
    """Whether what is kept must have its full size from the start, and stay where it is. Elsewhere it may grow, which
    is less work."""
    return _staying.get()


def waits(n: int, levels: int, device: torch.device) -> Tensor:
    """Exponential waiting times (n,levels), to be drawn before a step that picks: a graph finds them in a tensor."""
    return torch.empty(n, levels, device=device).exponential_()


def pick(logits: Tensor, waits: Tensor) -> Tensor:
    """A level of each row of logits (n,levels), (n,1) int64: the one that comes first if they come at rates p.

    Draws what `torch.multinomial` draws from the same random numbers, which on a GPU waits to check its input."""
    return (logits.softmax(1) / waits).argmax(1, keepdim=True)
