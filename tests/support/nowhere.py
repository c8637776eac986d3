"""A device without values, in a GPU's place: what would wait for a GPU raises there."""

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from paragone.models.base import Model

NOWHERE = torch.device("meta")  # reading its values raises; fake CUDA tensors would need a build with CUDA to learn


def away(model: Model) -> None:
    """Move a model, and tensors that it made and keeps, to where there are no values."""
    model.to(NOWHERE)
    for module in model.modules():
        for key, value in vars(module).items():
            if isinstance(value, tuple) and value and all(isinstance(part, torch.Tensor) for part in value):
                setattr(module, key, tuple(part.to(NOWHERE) for part in value))


class NothingFromPython(TorchFunctionMode):
    """Inside, a tensor elsewhere than on the CPU made from Python's numbers raises: they are copied from the CPU."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        if func in (torch.tensor, torch.as_tensor, torch.Tensor.new_tensor) and found.device.type != "cpu":
            raise RuntimeError(f"{func.__name__} waits for a copy from the CPU")
        return found
