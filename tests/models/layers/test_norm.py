"""GroupNorm against torch's own, and its precision."""

import pytest
import torch
from torch import nn

from paragone.models.layers.norm import GroupNorm


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
