"""Fully connected encoders and decoders, which the autoencoders share."""

import math
from collections.abc import Sequence

from torch import nn


def encoder(shape: Sequence[int], hidden: Sequence[int], out: int, activation: type[nn.Module]) -> nn.Sequential:
    """(B,*shape) -> (B,out), an activation after each hidden layer."""
    widths = [math.prod(shape), *hidden]
    layers = [m for a, b in zip(widths, hidden, strict=False) for m in (nn.Linear(a, b), activation())]
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(widths[-1], out))


def decoder(z_dim: int, hidden: Sequence[int], shape: Sequence[int], activation: type[nn.Module]) -> nn.Sequential:
    """(B,z_dim) -> (B,*shape), an activation after each hidden layer."""
    widths = [z_dim, *hidden]
    layers = [m for a, b in zip(widths, hidden, strict=False) for m in (nn.Linear(a, b), activation())]
    return nn.Sequential(*layers, nn.Linear(widths[-1], math.prod(shape)), nn.Unflatten(1, tuple(shape)))
