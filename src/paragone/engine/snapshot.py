"""The state of a training at one moment, bit for bit: what a step changes, and what it must not."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from paragone.models.base import Model

_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
_OF_MODULES = frozenset(vars(nn.Module())) - {"training"} | {"_compiled_call_impl"}
_LONGEST = 1_000  # entries of a list that are looked at


class Snapshot:
    """Copies of the weights, buffers and optimisers' state, on their device; the parents', which never change, left
    out."""

    def __init__(self, model: Model, optimizers: Mapping[str, Optimizer]) -> None:
        self._model, self._optimizers = model, optimizers
        self._live = _tensors(model, optimizers)
        self._fields = {
            name: {p: dict(o.state[p]) for p in _parameters(o) if p in o.state} for name, o in optimizers.items()
        }
        self._copies = {name: tensor.detach().clone() for name, tensor in self._live.items()}

    @torch.no_grad()
    def restore(self) -> None:
        """Put every tensor back in its place, with the values that it had."""
        for name, buffer in self._live.items():
            path, _, leaf = name.rpartition(".")
            kind, _, path = path.partition(".")
            if kind == "buffer":
                self._model.get_submodule(path)._buffers[leaf] = buffer
        for name, optimizer in self._optimizers.items():
            fields = self._fields[name]
            for p in _parameters(optimizer):
                if p in fields:
                    optimizer.state[p] = dict(fields[p])
                else:
                    optimizer.state.pop(p, None)
        for name, tensor in self._live.items():
            tensor.copy_(self._copies[name])

    def moved(self) -> str:
        """The first of the tensors whose place another one has taken since; empty if none."""
        now = _tensors(self._model, self._optimizers)
        return next((name for name, tensor in self._live.items() if now.get(name) is not tensor), "")

    def differs(self) -> str:
        """The first of the tensors whose bits are no longer these; empty if none."""
        now = _tensors(self._model, self._optimizers)
        if now.keys() != self._copies.keys():
            return min(now.keys() ^ self._copies.keys())
        return next((name for name, copy in self._copies.items() if not same_bits(copy, now[name])), "")

    def distance(self, other: "Snapshot") -> float:
        """The greatest difference of any number from that in another one; infinite where one has more tensors."""
        if self._copies.keys() != other._copies.keys():
            return float("inf")
        pairs = ((a, other._copies[name]) for name, a in self._copies.items())
        return max((float((a.double() - b.double()).abs().max()) for a, b in pairs if a.numel()), default=0.0)


def same_bits(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors hold the same bits; a NaN equals itself."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    bits = _BITS[a.element_size()]
    return torch.equal(a.detach().view(bits), b.detach().view(bits))


def python_state(model: Model) -> dict[str, Any]:
    """What the modules of a model keep besides parameters and buffers: by name, plain values, and other things as
    themselves. A tensor stands for itself and the number of writes to it."""
    found: dict[str, Any] = {}
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if name not in _OF_MODULES:
                found.update(_flat(f"{path}.{name}".lstrip("."), value))
    return found


def changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The name of what differs between two results of `python_state`; empty if nothing does."""
    if before.keys() != now.keys():
        return min(before.keys() ^ now.keys())
    return next((name for name, value in before.items() if not _alike(value, now[name])), "")


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _flat(f"{name}[{key!r}]", part)
    elif isinstance(value, list | tuple | set | frozenset | deque) and len(value) <= _LONGEST:
        yield name, len(value)
        for i, part in enumerate(value):
            yield from _flat(f"{name}[{i}]", part)
    else:
        yield name, value
        if isinstance(value, Tensor) and not value.is_inference():
            yield f"{name} in place", value._version


def _alike(a: Any, b: Any) -> bool:
    if isinstance(a, int | float | str | bytes | bool | None):
        return type(a) is type(b) and bool(a == b)
    return a is b


def _tensors(model: Model, optimizers: Mapping[str, Optimizer]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for kind, named in (("weight", model.named_parameters()), ("buffer", model.named_buffers())):
        found |= {f"{kind}.{name}": tensor for name, tensor in named if not name.startswith("frozen.")}
    for name, optimizer in optimizers.items():
        for i, p in enumerate(_parameters(optimizer)):
            fields = optimizer.state.get(p, {})
            found |= {f"optimizer.{name}.{i}.{k}": v for k, v in fields.items() if isinstance(v, Tensor)}
    return found


def _parameters(optimizer: Optimizer) -> list[Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"]]
