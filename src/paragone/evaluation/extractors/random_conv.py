"""Convolutions with random weights: the space `random-conv`, features of 64 dimensions that no label has shaped.

Naeem et al. 2020 (https://arxiv.org/abs/2002.09797) embed images by a VGG16 of random weights with a layer of 64
outputs: a network trained on ImageNet favours images like its own, and a classifier of the data set what its labels
name. Here the same in small, for images of 32 pixels: four pairs of 3x3 convolutions, each pair followed by a pooling,
then two linear layers. What it sees is colour, contrast and coarse layout; it knows nothing of objects.

The weights are uniform as He et al. 2015 scale them, from integers of a hash of their place: the same bits everywhere.
"""

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from paragone.data.counter_rng import mix
from paragone.evaluation import fused
from paragone.evaluation.extractors.base import Extractor, as_rgb

SIZE = 32
WIDTHS = (16, 32, 64, 64)
HIDDEN = 256
SHA256 = "7831f8ce58c9bde90bca700105bfefbfb68277bac1da1730544ea23e3b8b4adc"
BITS = 24  # of a draw: as many as a float32 holds exactly


class RandomConv(Extractor):
    """The network up to the second linear layer."""

    version = 1
    name = "random-conv"
    distance = "FD-random"
    dim = 64
    preprocessing = "bilinear to 32 px (half-pixel centres, antialiased where it shrinks), grey to RGB, x / 127.5 - 1"

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width in WIDTHS:
            for _ in range(2):
                layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.ReLU(inplace=True)]
                channels = width
            layers.append(nn.MaxPool2d(2))
        flat = channels * (SIZE >> len(WIDTHS)) ** 2
        layers += [nn.Flatten(), nn.Linear(flat, HIDDEN, bias=False), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Linear(HIDDEN, self.dim, bias=False))
        content = hashlib.sha256()
        for i, weight in enumerate(self.parameters()):
            values = draw(i, tuple(weight.shape))
            weight.data.copy_(torch.from_numpy(values))
            content.update(values.tobytes())
        self.weights = content.hexdigest()
        self.requires_grad_(False).eval()

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        if x.shape[2:] != (SIZE, SIZE):
            x = functional.interpolate(x, (SIZE, SIZE), mode="bilinear", align_corners=False, antialias=True)
        x = (as_rgb(x) / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        return fused.run(self.layers, x), None


def draw(layer: int, shape: tuple[int, ...]) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    """The weights of a layer: uniform, of the variance 2 / inputs of a unit."""
    count, inputs = int(np.prod(shape)), int(np.prod(shape[1:]))
    integers = mix(np.uint64(layer), np.arange(count, dtype=np.uint64)) >> np.uint64(64 - BITS)
    uniform = (integers.astype(np.float64) + 0.5) / 2**BITS * 2 - 1
    return (uniform * (6 / inputs) ** 0.5).astype(np.float32).reshape(shape)


def load(root: Path, dataset: str) -> RandomConv:
    """The network, whatever the project and the data set. Raises ValueError where its weights are other bits."""
    network = RandomConv()
    if network.weights != SHA256:
        raise ValueError(
            f"{__file__}: SHA-256 of the weights drawn here is {network.weights}, not {SHA256}, so figures would not "
            "compare; take 'random_conv' out of the profile's spaces"
        )
    return network
