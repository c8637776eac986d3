"""Maxout: the largest of the pieces."""

import torch

from paragone.models.layers.maxout import Maxout


def test_maxout_takes_the_largest_piece_of_each_unit() -> None:
    layer = Maxout(4, 5, 3)
    x = torch.randn(2, 4)
    pieces = x @ layer.weight.T + layer.bias  # (2,15)
    expected = torch.stack([pieces[:, 3 * i : 3 * i + 3].max(1).values for i in range(5)], 1)
    torch.testing.assert_close(layer(x), expected)
