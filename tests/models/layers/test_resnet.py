"""SNGAN's residual networks: the paper's tables, and shortcuts computed at the smaller size."""

import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, interpolate, relu

from paragone.models.layers.resnet import Discriminator, DownBlock, Generator, UpBlock

X = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def outs(network: nn.Module) -> list[int]:
    return [b.conv2.out_channels for b in network.blocks]  # type: ignore[union-attr]


def test_at_32_pixels_the_networks_are_those_of_table_4() -> None:
    G, D = Generator(128, (3, 32, 32), 256), Discriminator((3, 32, 32), 128)
    assert G.project.out_features == 4 * 4 * 256
    assert outs(G) == [256] * 3
    assert outs(D) == [128] * 4
    assert [b.down for b in D.blocks] == [True, True, False, False]
    block = 2 * 256 * 256 * 9 + 256 * 256 + 3 * 256 + 4 * 256
    assert sum(p.numel() for p in G.parameters()) == 129 * 4096 + 3 * block + 2 * 256 + 256 * 27 + 3


def test_at_128_pixels_the_networks_are_those_of_table_6() -> None:
    with torch.device("meta"):
        G, D = Generator(128, (3, 128, 128), 256), Discriminator((3, 128, 128), 128)
    assert G.project.out_features == 4 * 4 * 1024
    assert outs(G) == [1024, 512, 256, 128, 64]
    assert outs(D) == [64, 128, 256, 512, 1024, 1024]
    assert [b.down for b in D.blocks] == [True] * 5 + [False]


def test_at_64_pixels_the_networks_are_those_of_table_6_less_a_level() -> None:
    with torch.device("meta"):
        G, D = Generator(128, (3, 64, 64), 256), Discriminator((3, 64, 64), 128)
    assert G.project.out_features == 4 * 4 * 1024
    assert outs(G) == [512, 256, 128, 64]
    assert outs(D) == [64, 128, 256, 512, 1024]
    assert [b.down for b in D.blocks] == [True] * 4 + [False]


@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 32, 32), (3, 64, 64), (1, 128, 128)])
def test_they_fit_the_image(shape: tuple[int, int, int]) -> None:
    assert Generator(5, shape, 8)(torch.randn(2, 5)).shape == (2, *shape)
    assert Discriminator(shape, 4)(torch.randn(2, *shape)).shape == (2, 1)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 64), (1, 8, 8)])
def test_other_sizes_are_refused_in_one_sentence(shape: tuple[int, int, int]) -> None:
    for build in (lambda: Generator(5, shape, 8), lambda: Discriminator(shape, 4)):
        with pytest.raises(ValueError, match="set the data set's resolution to a power of two from 16 up"):
            build()


def test_a_block_down_is_the_papers_with_the_shortcut_before_the_pooling() -> None:
    block = DownBlock(3, 5, down=True)
    expected = avg_pool2d(block.skip(X) + block.conv2(relu(block.conv1(relu(X)))), 2)
    torch.testing.assert_close(block(X), expected)
    first = DownBlock(3, 5, down=True, first=True)
    torch.testing.assert_close(first(X), avg_pool2d(first.skip(X) + first.conv2(relu(first.conv1(X))), 2))
    same = DownBlock(3, 3, down=False)
    torch.testing.assert_close(same(X), X + same.conv2(relu(same.conv1(relu(X)))))


def test_a_block_up_is_the_papers_with_the_shortcut_after_the_doubling() -> None:
    block = UpBlock(3, 5).eval()
    twice = interpolate(X, scale_factor=2)
    h = block.conv1(interpolate(relu(block.norm1(X)), scale_factor=2))
    torch.testing.assert_close(block(X), block.skip(twice) + block.conv2(relu(block.norm2(h))))
