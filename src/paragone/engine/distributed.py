"""Data parallelism without a wrapper: every rank draws the global batch's noise and keeps its slice.

So one rank and two compute the same updates up to rounding. Two things stay per rank: batch-norm statistics and
dropout masks. Start with `torchrun --nproc-per-node N -m paragone train ...`.
"""

import os
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from paragone.project.environment import TORCHRUN

MEETING = timedelta(minutes=10)  # that processes wait for each other, at the start and in an exchange


class World(NamedTuple):
    rank: int = 0
    size: int = 1

    def share(self, batch: int) -> slice:
        """This rank's part of a global batch. Raises ValueError if it does not divide."""
        if batch % self.size:
            raise ValueError(
                f"batch {batch} does not divide by {self.size} ranks; change plan.batch or the number of ranks"
            )
        local = batch // self.size
        return slice(self.rank * local, (self.rank + 1) * local)


def join() -> World:
    """Join the process group that torchrun set up, if it did; otherwise a world of one.

    Raises ValueError if the other processes do not come.
    """
    size = int(os.environ.get("WORLD_SIZE", "1")) if TORCHRUN in os.environ else 1  # not for any other launcher
    if size == 1:
        return World()
    if not dist.is_initialized():
        try:
            dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=MEETING)
        except (dist.DistError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise ValueError(
                f"the {size} processes that torchrun announces did not meet within {MEETING} ({reason}); start all of "
                "them, or none: leave torchrun out"
            ) from None
    return World(dist.get_rank(), size)


def leave() -> None:
    """Leave the process group, if there is one."""
    if dist.is_initialized():
        dist.destroy_process_group()


def average_gradients(params: Iterable[nn.Parameter], world: World) -> None:
    """Average the gradients over ranks by one flat all-reduce."""
    grads = [p.grad for p in params if p.grad is not None]
    if world.size == 1 or not grads:
        return
    flat = torch.cat([g.flatten() for g in grads])
    dist.all_reduce(flat)
    flat /= world.size
    for grad, part in zip(grads, flat.split([g.numel() for g in grads]), strict=True):
        grad.copy_(part.view_as(grad))


def average(value: Tensor, world: World) -> Tensor:
    """The mean of a tensor over ranks."""
    if world.size > 1:
        dist.all_reduce(value)
        value /= world.size
    return value


class GlobalNoise(TorchFunctionMode):
    """Inside it, a random draw whose first dimension is (a multiple of) the local batch is this rank's slice of
    the draw that a single process would make for the global batch. Other draws are the same on every rank."""

    def __init__(self, world: World, batch: int) -> None:
        super().__init__()
        self.world, self.local = world, batch // world.size

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in (torch.randn_like, torch.rand_like):
            like = args[0]
            options = {"dtype": like.dtype, "device": like.device} | kwargs
            return self._slice(torch.randn if func is torch.randn_like else torch.rand, (), tuple(like.shape), options)
        if func in (torch.randn, torch.rand):
            size = args[0] if args and isinstance(args[0], tuple | list) else args
            return self._slice(func, (), tuple(kwargs.pop("size", size)), kwargs)
        if func is torch.randint:
            *bounds, size = (*args, kwargs.pop("size")) if "size" in kwargs else args
            return self._slice(func, tuple(bounds), tuple(size), kwargs)
        return func(*args, **kwargs)

    def _slice(self, func: Callable[..., Tensor], first: tuple[Any, ...], size: tuple[int, ...], kwargs: Any) -> Tensor:
        if not size or size[0] == 0 or size[0] % self.local:
            return func(*first, size, **kwargs)
        whole = func(*first, (size[0] * self.world.size, *size[1:]), **kwargs)
        return whole[self.world.rank * size[0] : (self.world.rank + 1) * size[0]]
