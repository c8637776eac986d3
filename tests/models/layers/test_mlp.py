"""Fully connected encoders and decoders: layers in order, shapes at both ends."""

import torch
from torch import nn

from paragone.models.layers import mlp


def kinds(network: nn.Sequential) -> list[str]:
    return [type(m).__name__ for m in network]


def test_an_encoder_flattens_and_ends_linear() -> None:
    network = mlp.encoder((3, 4, 4), [7, 5], 2, nn.ReLU)
    assert kinds(network) == ["Flatten", "Linear", "ReLU", "Linear", "ReLU", "Linear"]
    assert network(torch.randn(6, 3, 4, 4)).shape == (6, 2)
    assert [m.out_features for m in network if isinstance(m, nn.Linear)] == [7, 5, 2]


def test_a_decoder_ends_linear_and_unflattens() -> None:
    network = mlp.decoder(2, [5, 7], (3, 4, 4), nn.Tanh)
    assert kinds(network) == ["Linear", "Tanh", "Linear", "Tanh", "Linear", "Unflatten"]
    assert network(torch.randn(6, 2)).shape == (6, 3, 4, 4)


def test_codes_need_no_flattening() -> None:
    assert mlp.encoder([4], [5], 1, nn.ReLU)(torch.randn(3, 4)).shape == (3, 1)
