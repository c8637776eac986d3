"""What records a computation once and repeats it: CUDA's graphs, and a stand-in that calls it again."""

import gc
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode


class Taken(NamedTuple):
    """What one step did: the losses and what else is logged, and how often each optimiser stepped."""

    keys: tuple[str, ...]  # of the curve; one may come twice
    values: Tensor  # (len(keys),) float32
    updates: tuple[str, ...]  # names of the optimisers, in order
    drawn: int  # images that the model generated

    def keep(self) -> "Taken":
        """With values of its own, which the next replay leaves alone."""
        return self._replace(values=self.values.clone())


Result = TypeVar("Result")  # of a computation: a tensor, or a tuple with tensors


class Recorder(Protocol):
    """What `Graphs` and `Replays` need of a device."""

    def session(self) -> AbstractContextManager[None]:
        """Around a whole training, or the drawing of a batch."""

    def prepare(self, optimizer: Optimizer) -> str:
        """Let its steps be recorded, learning rates as tensors included; empty, or why it cannot be."""

    def strict(self) -> AbstractContextManager[None]:
        """Inside, what waits for the device raises RuntimeError."""

    def capture(self, step: Callable[[], Result]) -> tuple[Callable[[], None], Result]:
        """Record a step: what repeats it, and its result, whose tensors a repetition overwrites. What a step changes is
        undefined until whoever captures restores it. Raises RuntimeError."""


class Cuda:
    """CUDA graphs on one stream, with one pool of memory, kept for as long as this object is."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool, self._stream = torch.cuda.graph_pool_handle(), torch.cuda.Stream(device)
        self._kept: list[torch.cuda.CUDAGraph] = []  # to destroy one frees workspaces that the others use

    @contextmanager
    def session(self) -> Iterator[None]:
        """A stream of its own: autograd remembers on which one a weight was first used, and the default one cannot be
        captured."""
        before = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(before)
        with torch.cuda.stream(self._stream):
            yield
        before.wait_stream(self._stream)

    def prepare(self, optimizer: Optimizer) -> str:
        groups = optimizer.param_groups
        if not all("capturable" in group or group.get("fused") for group in groups):
            return f"{type(optimizer).__name__} computes on the CPU in its step"
        for group in groups:
            if "capturable" in group:
                group["capturable"] = True
            group["lr"] = torch.tensor(float(group["lr"]), dtype=torch.float32, device=self._device)
            for p in group["params"]:
                if isinstance(steps := optimizer.state.get(p, {}).get("step"), Tensor):
                    optimizer.state[p]["step"] = steps.to(self._device, torch.float32)
        optimizer._warned_capturable_if_run_uncaptured = True
        return ""

    @contextmanager
    def strict(self) -> Iterator[None]:
        before = torch.cuda.get_sync_debug_mode()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Synchronization debug mode is a prototype")
            torch.cuda.set_sync_debug_mode("error")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode(before)

    def capture(self, step: Callable[[], Result]) -> tuple[Callable[[], None], Result]:
        graph, collects = torch.cuda.CUDAGraph(), gc.isenabled()
        self._kept.append(graph)
        gc.disable()  # a tensor freed by it, in the midst of a capture, would end that
        try:
            # thread_local: another thread measures what the process uses
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
                result = step()
        finally:
            if collects:
                gc.enable()
        return graph.replay, result


class Again:
    """Calls the recorded step again, with what it was recorded with. Nothing gets faster: it lets everything around a
    graph be tried where there is no GPU."""

    def session(self) -> AbstractContextManager[None]:
        return _nothing()

    def prepare(self, optimizer: Optimizer) -> str:
        for group in optimizer.param_groups:
            group["lr"] = torch.tensor(float(group["lr"]), dtype=torch.float64)  # the bits of the float
        return ""

    def strict(self) -> AbstractContextManager[None]:
        return NoWaiting().outside_of_optimizers()

    def capture(self, step: Callable[[], Result]) -> tuple[Callable[[], None], Result]:
        result = step()
        return lambda: _overwrite(result, step()), result


class NoWaiting(TorchDispatchMode):
    """Inside, an operation for whose result a program would wait for a GPU raises RuntimeError: reading a number, a
    shape that depends on values, or a copy between the CPU and a GPU."""

    WAIT = frozenset(
        ("_local_scalar_dense", "nonzero", "masked_select", "bincount", "_unique2", "unique_dim", "unique_consecutive")
    ) | frozenset(
        ("repeat_interleave.Tensor", "equal", "is_nonzero", "item")
    )  # under inference_mode, item is seen whole

    def __init__(self) -> None:
        super().__init__()
        self._allowed = False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        packet = func.overloadpacket.__name__
        waits = packet in self.WAIT or f"{packet}.{func._overloadname}" in self.WAIT
        if packet in ("index", "index_put", "index_put_", "_index_put_impl_"):
            waits = any(t is not None and t.dtype in (torch.bool, torch.uint8) for t in args[1])
        if waits and not self._allowed:
            raise RuntimeError(f"{packet} waits for its result")
        found = func(*args, **(kwargs or {}))
        if not self._allowed and packet in ("_to_copy", "copy_") and _crosses(args, found):
            raise RuntimeError(f"{packet} waits for a copy between the CPU and the GPU")
        return found

    @contextmanager
    def outside_of_optimizers(self) -> Iterator[None]:
        """Optimisers have steps for graphs, which those on a CPU are not."""
        before = register_optimizer_step_pre_hook(lambda *_: setattr(self, "_allowed", True))
        after = register_optimizer_step_post_hook(lambda *_: setattr(self, "_allowed", False))
        try:
            with self:
                yield
        finally:
            before.remove()
            after.remove()


def _crosses(args: tuple[Any, ...], found: Tensor) -> bool:
    return len({t.device.type for t in (*args, found) if isinstance(t, Tensor)}) > 1


def _overwrite(place: Any, values: Any) -> None:
    """Copy the tensors of one result into those of another."""
    if isinstance(place, Tensor):
        place.copy_(values)
    elif isinstance(place, tuple):
        for one, other in zip(place, values, strict=True):
            _overwrite(one, other)


@contextmanager
def _nothing() -> Iterator[None]:
    yield
