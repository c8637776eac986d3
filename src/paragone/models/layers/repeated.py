"""What a sampler evaluates many times, which whoever draws on a GPU may replay as a CUDA graph."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Wrap = Callable[[Callable[..., Any]], Callable[..., Any]]

FEWEST = 8  # evaluations that are worth a graph: the first three are no faster

_wrap: ContextVar[Wrap | None] = ContextVar("wrap", default=None)


def repeated(evaluate: Callable[Parameters, Result], times: int) -> Callable[Parameters, Result]:
    """`evaluate`, for a loop that calls it so many times, with tensors of the same shapes each time, and that changes
    nothing else which it reads: as it is, or as `wrapping` has it."""
    wrap = _wrap.get()
    return evaluate if wrap is None or times < FEWEST else wrap(evaluate)


@contextmanager
def wrapping(wrap: Wrap) -> Iterator[None]:
    """Inside, what `repeated` is given is wrapped."""
    token = _wrap.set(wrap)
    try:
        yield
    finally:
        _wrap.reset(token)
