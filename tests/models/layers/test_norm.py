"""GroupNorm against torch's own, and its precision; AdaIN against a few lines."""

import pytest
import torch
from torch import nn

from paragone.models.layers.norm import GroupNorm, adain


@pytest.mark.parametrize(("channels", "groups"), [(256, 32), (128, 32), (64, 16), (96, 16), (16, 4), (12, 2), (3, 1)])
def test_groups_are_32_and_fewer_where_channels_are_few(channels, groups):
    assert GroupNorm(channels).num_groups == groups


def test_it_is_group_normalisation():
    x = torch.randn(2, 32, 5, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(GroupNorm(32)(x), nn.GroupNorm(8, 32, eps=1e-6)(x))


def test_it_stays_in_float32_under_autocast():
    x = torch.randn(2, 32, 4, 4, generator=torch.Generator().manual_seed(0)).bfloat16()
    norm = GroupNorm(32)
    with torch.autocast("cpu", torch.bfloat16):
        y = norm(x)
    assert y.dtype == torch.float32
    torch.testing.assert_close(y, norm(x.float()))


@pytest.mark.parametrize("size", [(8, 8), (4, 5, 6)])
def test_adain_gives_each_map_its_mean_and_scale(size):
    torch.manual_seed(0)
    x, scale, shift = 3 + 2 * torch.randn(2, 5, *size), torch.rand(2, 5) + 0.5, torch.randn(2, 5)
    y = adain(x, scale, shift).flatten(2)
    torch.testing.assert_close(y.mean(2), shift, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(y.std(2, correction=0), scale, rtol=1e-4, atol=1e-5)
    one = x[1, 2].flatten()
    one = (one - one.mean()) / one.std(correction=0) * scale[1, 2] + shift[1, 2]
    torch.testing.assert_close(y[1, 2], one, rtol=1e-4, atol=1e-5)
