"""What a checkpoint holds of a model and its optimisers, as named tensors, and back."""

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from paragone.models.base import Model


def not_frozen(key: str) -> bool:
    return not key.startswith("frozen.")


def load_unfrozen(model: Model, tensors: dict[str, Tensor]) -> None:
    """Load what a checkpoint holds: all but the parents, which come from their own files."""
    parents = {k: v for k, v in model.state_dict().items() if not not_frozen(k)}
    model.load_state_dict(parents | tensors)


def optimizer_tensors(name: str, optimizer: Optimizer) -> dict[str, Tensor]:
    """The optimiser's state as named tensors; hyper-parameters are not state (they follow from the plan)."""
    state: dict[int, dict[str, Any]] = optimizer.state_dict()["state"]
    return {f"optimizer.{name}.{i}.{k}": torch.as_tensor(v) for i, s in state.items() for k, v in s.items()}


def load_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    params = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = defaultdict(dict)
    for key, value in tensors.items():
        index, _, field = key.partition(".")
        like = params[int(index)]
        if value.shape == like.shape:  # fused optimisers walk memory: state must be laid out as its parameter is
            value = torch.empty_like(like, dtype=value.dtype, device="cpu").copy_(value)
        state[int(index)][field] = value
    optimizer.load_state_dict({"state": dict(state), "param_groups": optimizer.state_dict()["param_groups"]})


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
