"""Random convolutions: the same bits everywhere, features that see what is wrong with images, any size."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from paragone.evaluation.extractors import random_conv
from paragone.evaluation.metrics.base import Statistics
from paragone.evaluation.metrics.frechet import frechet_distance

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network() -> random_conv.RandomConv:
    return random_conv.load(Path(), "any")


def images(n: int, seed: int, side: int = 32) -> torch.Tensor:
    """(n,side,side,1) of a bright disc somewhere."""
    draw = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    centre = torch.rand(n, 2, 1, 1, generator=draw) * side / 2 + side / 4
    radius = torch.rand(n, 1, 1, generator=draw) * side / 8 + side / 8
    inside = (y - centre[:, 0]) ** 2 + (x - centre[:, 1]) ** 2 < radius**2
    return (inside * 220).to(torch.uint8)[..., None]


def test_weights_are_the_same_bits_everywhere(network: random_conv.RandomConv) -> None:
    """Against splitmix64's finaliser in Python's own integers, and He's variance."""
    first = next(network.parameters())
    mask, index = 2**64 - 1, 5
    z = (index * 0x9E3779B97F4A7C15 + (0 ^ 0xD1B54A32D192ED03) * 0x94D049BB133111EB) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    share = (((z ^ (z >> 31)) >> 40) + 0.5) / 2**24
    assert float(first.flatten()[index]) == np.float32((2 * share - 1) * (6 / 27) ** 0.5)
    for weight in network.parameters():
        assert float(weight.mean()) == pytest.approx(0, abs=4 * (2 / weight[0].numel() / weight.numel()) ** 0.5)
        assert float(weight.var()) == pytest.approx(2 / weight[0].numel(), rel=0.2)
    assert network.weights == random_conv.SHA256


def test_features_are_a_plain_computation_of_its_layers(network: random_conv.RandomConv) -> None:
    given = images(3, 0)
    x = given.permute(0, 3, 1, 2).float().expand(-1, 3, -1, -1) / 127.5 - 1
    *convolutions, first, last = network.parameters()
    for i, weight in enumerate(convolutions):
        x = functional.conv2d(x, weight, padding=1).clamp_min(0)
        x = x.unfold(2, 2, 2).unfold(3, 2, 2).amax((4, 5)) if i % 2 else x
    expected = (x.flatten(1) @ first.T).clamp_min(0) @ last.T
    found = network.extract(given, CPU)
    assert found.logits is None
    assert found.values.shape == (3, network.dim)
    torch.testing.assert_close(found.values, expected, atol=1e-4, rtol=1e-4)


def test_it_sees_noise_in_proportion_and_takes_any_size(network: random_conv.RandomConv) -> None:
    real = Statistics.of(network.extract(images(400, 1), CPU).values)
    new, draw = images(400, 2), torch.Generator().manual_seed(3)
    noise = torch.randn(new.shape, generator=draw)
    worse = [(new + strength * noise).clamp(0, 255).to(torch.uint8) for strength in (0, 20, 60)]
    found = [frechet_distance(real, Statistics.of(network.extract(x, CPU).values)) for x in worse]
    assert 2 * found[0] < found[1] < found[2] / 2
    large = network.extract(images(400, 2, side=64), CPU).values
    assert frechet_distance(real, Statistics.of(large)) < found[2]
