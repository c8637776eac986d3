"""The evaluations of a sampler's loop as CUDA graphs: recorded, verified bit for bit and replayed, in each draw."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from paragone.engine.recorders import Cuda, Recorder
from paragone.engine.snapshot import same_bits
from paragone.models.layers.kept import Step, staying
from paragone.models.layers.repeated import wrapping

VERIFIED = 2  # replays that are compared with eager evaluations


@contextmanager
def drawing(device: torch.device, recorder: Recorder | None = None) -> Iterator[list["Replayed"]]:
    """Inside, samplers' evaluations are replayed, and what they keep stays where it is, on a GPU; on a CPU all is as it
    was, unless there is a recorder. A list of those that were asked for."""
    made: list[Replayed] = []
    if recorder is None and device.type == "cuda":
        recorder = _cuda(device)
    if recorder is None:
        yield made
        return

    def wrap(evaluate: Callable[..., Any]) -> "Replayed":
        made.append(Replayed(evaluate, recorder, device))
        return made[-1]

    with recorder.session(), wrapping(wrap), staying():
        yield made


@cache
def _cuda(device: torch.device) -> Cuda:
    return Cuda(device)  # one a process: it keeps its graphs, and they share their memory


class Replayed:
    """A function of tensors, which returns a tensor or a tuple of tensors; a `Step` changes its state, too. The first
    call is eager, the second and the third are verified, later ones are replays. Stays eager, for `reason`, where that
    fails."""

    def __init__(self, evaluate: Callable[..., Any], recorder: Recorder, device: torch.device) -> None:
        self._evaluate, self._recorder, self._device = evaluate, recorder, device
        self._state: Sequence[Tensor] = evaluate.state if isinstance(evaluate, Step) else ()
        self._inputs: list[Tensor] = []  # where the graph finds them
        self._replay: Callable[[], None] | None = None
        self._result: Any = None  # where it leaves them
        self._calls = self._verified = 0
        self.replayed, self.reason = 0, ""

    def __call__(self, *inputs: Tensor) -> Any:
        self._calls += 1
        if self._calls == 2:
            self._inputs = [torch.zeros_like(x) for x in inputs]
        if self._calls == 1 or self.reason or not self._fits(inputs):
            return self._evaluate(*inputs)
        if self._verified < VERIFIED:
            return self._verify(inputs)
        self.replayed += 1
        return self._again(inputs)

    def _fits(self, inputs: tuple[Tensor, ...]) -> bool:
        """Whether they lie in memory as those that were recorded: other layouts have kernels of their own."""
        pairs = zip(self._inputs, inputs, strict=True)
        return all((a.shape, a.stride(), a.dtype) == (b.shape, b.stride(), b.dtype) for a, b in pairs)

    def _verify(self, inputs: tuple[Tensor, ...]) -> Any:
        before = self._kept()
        if before is None:
            return self._evaluate(*inputs)
        try:
            with self._recorder.strict():
                eager = self._evaluate(*inputs)
        except RuntimeError as error:
            self.reason = f"it waits for the device ({error})"
            self._restore(before)
            return self._evaluate(*inputs)
        after = self._kept()
        if after is None:
            return eager
        try:
            self._record()
        except RuntimeError as error:
            self.reason = f"it could not be recorded ({error})"
        if not self.reason:
            self._restore(before)
            found = (*_tensors(self._again(inputs)), *self._state)
            pairs = zip((*_tensors(eager), *after.state), found, strict=True)
            self.reason = "" if all(same_bits(a, b) for a, b in pairs) else "a replay gives other bits"
            self._verified += 1
        self._restore(after)
        return eager

    def _kept(self) -> "_Kept | None":
        """What a call may change; None where there is no memory to keep it, and so none to verify a graph."""
        try:
            return _Kept([tensor.clone() for tensor in self._state], self._random())
        except torch.OutOfMemoryError:
            self.reason = "what a sampler keeps does not fit into the GPU's memory three times, to verify a graph"
            return None

    def _restore(self, kept: "_Kept") -> None:
        for tensor, value in zip(self._state, kept.state, strict=True):
            tensor.copy_(value)
        self._random(kept.random)

    def _record(self) -> None:
        if self._replay is None:
            caches = torch.is_autocast_cache_enabled()
            torch.set_autocast_cache_enabled(
                False
            )  # a weight that is cast in a recording has no values before a replay
            try:
                self._replay, self._result = self._recorder.capture(lambda: self._evaluate(*self._inputs))
            finally:
                torch.set_autocast_cache_enabled(caches)

    def _again(self, inputs: tuple[Tensor, ...]) -> Any:
        assert self._replay is not None
        for place, value in zip(self._inputs, inputs, strict=True):
            place.copy_(value)
        self._replay()
        kept = [tensor.clone() for tensor in _tensors(self._result)]
        return kept[0] if isinstance(self._result, Tensor) else tuple(kept)

    def _random(self, state: Tensor | None = None) -> Tensor:
        """The state of the device's generator, after it was set if one is given."""
        on_gpu = self._device.type == "cuda"
        if state is not None:
            torch.cuda.set_rng_state(state, self._device) if on_gpu else torch.set_rng_state(state)
        return torch.cuda.get_rng_state(self._device) if on_gpu else torch.get_rng_state()


class _Kept(NamedTuple):
    """What there was before or after a call."""

    state: list[Tensor]
    random: Tensor


def _tensors(result: Any) -> tuple[Tensor, ...]:
    return (result,) if isinstance(result, Tensor) else tuple(result)
