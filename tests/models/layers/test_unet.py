"""The U-Net: shapes, parameters of the paper's network, time, and what it starts as."""

import math

import pytest
import torch
from torch import nn

from paragone.engine import hardware
from paragone.models.layers.unet import ResBlock, UNet, timestep_embedding

SMALL = {"width": 8, "multipliers": (1, 2), "blocks": 1, "attention": (8,)}


def test_the_papers_network_for_cifar10_has_its_number_of_parameters():
    with torch.device("meta"):
        net = UNet(3, 3, 32)
    assert sum(p.numel() for p in net.parameters()) == 35_746_307  # "35.7 million", appendix B


def test_it_attends_where_it_is_told_and_in_the_middle():
    with torch.device("meta"):
        net = UNet(3, 3, 32)
    attends = [not isinstance(b.attention, nn.Identity) for b in net._blocks()]
    down, middle, up = attends[:8], attends[8:10], attends[10:]
    assert down == [False, False, True, True, False, False, False, False]
    assert middle == [True, False]
    assert up == [False] * 6 + [True] * 3 + [False] * 3


@pytest.mark.parametrize(("c_in", "c_out", "size", "patch"), [(1, 1, 16, 1), (3, 6, 32, 2), (1, 2, 32, 4)])
def test_shapes(c_in, c_out, size, patch):
    net = UNet(c_in, c_out, size, **SMALL, patch=patch)
    assert net(torch.randn(2, c_in, size, size), torch.tensor([0, 999])).shape == (2, c_out, size, size)


def test_it_starts_at_zero_and_its_residual_branches_too():
    net = UNet(1, 1, 16, **SMALL)
    x = torch.randn(2, 1, 16, 16)
    assert net(x, torch.tensor([3, 500])).abs().max() == 0
    block = next(net._blocks())
    torch.testing.assert_close(block(torch.ones(1, 8, 4, 4), torch.randn(1, 8)), torch.ones(1, 8, 4, 4))


def test_the_output_depends_on_the_time_and_on_every_parameter():
    torch.manual_seed(0)
    net = UNet(1, 1, 16, **SMALL, dropout=0.0)
    for p in net.parameters():
        nn.init.normal_(p, std=0.1)
    x = torch.randn(1, 1, 16, 16).expand(2, 1, 16, 16)
    y = net(x, torch.tensor([3, 500]))
    assert not torch.allclose(y[0], y[1])
    y.square().sum().backward()
    names = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert names == []


def test_a_residual_block_is_its_formula():
    torch.manual_seed(0)
    block, x, e = ResBlock(8, 12, 0.0, False, 1), torch.randn(2, 8, 4, 4), torch.randn(2, 12)
    silu, norm = nn.functional.silu, nn.functional.group_norm
    h = block.conv1(silu(norm(x, 2, eps=1e-6))) + e.view(2, 12, 1, 1)
    expected = block.conv2(silu(norm(h, 2, eps=1e-6))) + block.skip(x)
    torch.testing.assert_close(block(x, e), expected)


def test_the_time_scales_and_shifts_where_it_is_asked_to():
    torch.manual_seed(0)
    block, x, e = ResBlock(8, 12, 0.0, False, 1), torch.randn(2, 8, 4, 4), torch.randn(2, 24)
    silu, norm = nn.functional.silu, nn.functional.group_norm
    h = norm(block.conv1(silu(norm(x, 2, eps=1e-6))), 2, eps=1e-6)
    h = h * (1 + e[:, :12].view(2, 12, 1, 1)) + e[:, 12:].view(2, 12, 1, 1)
    torch.testing.assert_close(block(x, e), block.conv2(silu(h)) + block.skip(x))
    net = UNet(1, 2, 16, **SMALL, scale_shift=True)
    assert net(torch.randn(2, 1, 16, 16), torch.tensor([3, 500])).shape == (2, 2, 16, 16)
    assert net.project.out_features == 2 * UNet(1, 2, 16, **SMALL).project.out_features


def test_timestep_embedding_is_that_of_the_authors():
    t, width = 37, 8
    frequencies = [math.exp(-math.log(10_000) * i / 3) for i in range(4)]
    expected = [math.sin(t * f) for f in frequencies] + [math.cos(t * f) for f in frequencies]
    torch.testing.assert_close(timestep_embedding(torch.tensor([t]), width)[0], torch.tensor(expected))


def test_bfloat16_stays_close():
    torch.manual_seed(0)
    net = UNet(1, 1, 16, **SMALL).eval()
    for p in net.parameters():
        nn.init.normal_(p, std=0.1)
    x, t = torch.randn(2, 1, 16, 16), torch.tensor([1, 2])
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        low = net(x, t).float()
    with torch.no_grad():
        exact = net(x, t)
    assert (low - exact).norm() < 0.05 * exact.norm()


@pytest.mark.parametrize(
    ("size", "options", "words"),
    [
        (18, {}, "images of 18 pixels do not suit patch 1 and 4 levels: the side must be a multiple of 8"),
        (32, {"width": 30}, "width is 30; it must be a multiple of 4"),
        (32, {"heads": 3}, "heads is 3"),
    ],
)
def test_what_does_not_fit_is_refused(size, options, words):
    with pytest.raises(ValueError, match=words), torch.device("meta"):
        UNet(1, 1, size, **options)


def test_no_convolution_of_grey_images_meets_the_other_layout():
    net = hardware.place(UNet(1, 1, 16, width=8, multipliers=(1, 2), blocks=1, attention=(8,)), torch.device("cpu"))
    met = []
    for module in net.modules():
        if isinstance(module, nn.Conv2d) and module.in_channels > 1:
            module.register_forward_pre_hook(lambda _, given: met.append(given[0].stride(1)))
    net(torch.rand(2, 1, 16, 16), torch.rand(2))
    assert set(met) == {1}
