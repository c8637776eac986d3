"""Convolutions of fixed networks, where features are extracted on a CPU: norm and activation in the same pass.

PyTorch's `conv2d` has oneDNN pack the weights at every call, and each activation is one more pass over memory. Inside
of `packed()` runs the operator that torch.compile calls on CPUs, which takes weights that were packed once. Elsewhere,
and on other devices, PyTorch's own run: the same values up to rounding.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

Activation = Literal["none", "relu", "relu6"]
_ACTIVATIONS: dict[Activation, Callable[..., Tensor]] = {"relu": functional.relu, "relu6": functional.relu6}
_ARGUMENTS: dict[Activation, tuple[Any, ...]] = {
    "none": ("none", [], ""),
    "relu": ("relu", [], ""),
    "relu6": ("hardtanh", [0.0, 6.0], ""),
}
_known: dict[nn.Module, tuple[Tensor, Tensor | None]] | None = None  # packed weight and bias of each convolution


class How(NamedTuple):
    """What a convolution does beside its weights."""

    stride: tuple[int, ...] = (1, 1)
    padding: tuple[int, ...] = (0, 0)
    groups: int = 1
    activation: Activation = "none"


@contextmanager
def packed() -> Iterator[None]:
    """Within it, convolutions take the one pass; no weight may change before its end, and nothing has a gradient."""
    global _known
    outer, _known = _known, {}
    try:
        with torch.no_grad():
            yield
    finally:
        _known = outer


def convolve(owner: nn.Module, x: Tensor, weight: Tensor, bias: Tensor | None, how: How) -> Tensor:
    """act(x * weight + bias) of images (B,C,H,W). owner: the module whose weight it is."""
    if _known is None or x.device.type != "cpu":
        x = functional.conv2d(x, weight, bias, how.stride, how.padding, 1, how.groups)
        return x if how.activation == "none" else _ACTIVATIONS[how.activation](x, inplace=True)
    if owner not in _known:
        reorder = torch.ops.mkldnn._reorder_convolution_weight
        _known[owner] = reorder(weight, how.padding, how.stride, (1, 1), how.groups, list(x.shape)), bias
    ready, bias = _known[owner]
    arguments = _ARGUMENTS[how.activation]
    found: Tensor = torch.ops.mkldnn._convolution_pointwise(
        x, ready, bias, how.padding, how.stride, (1, 1), how.groups, *arguments
    )
    return found


def run(layers: nn.Sequential, x: Tensor) -> Tensor:
    """The layers, in eval mode, of images (B,C,H,W); a convolution takes the norm and the ReLU after it along."""
    todo: list[nn.Module] = list(layers)
    if _known is None or x.device.type != "cpu":
        todo = [layers]
    while todo:
        layer = todo.pop(0)
        if not isinstance(layer, nn.Conv2d):
            x = layer(x)
            continue
        folded = layer
        if todo and isinstance(norm := todo[0], nn.BatchNorm2d):
            folded = layer if layer in (_known or {}) else fuse_conv_bn_eval(layer, norm)
            del todo[0]
        relu = bool(todo) and isinstance(todo[0], nn.ReLU)
        del todo[:relu]
        assert not isinstance(layer.padding, str)
        how = How(layer.stride, layer.padding, layer.groups, "relu" if relu else "none")
        x = convolve(layer, x, folded.weight, folded.bias, how)
    return x
