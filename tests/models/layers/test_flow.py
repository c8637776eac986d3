"""Invertible layers: inverses, and determinants against autograd's Jacobian."""

import math

import pytest
import torch
from torch import Tensor, nn

from paragone.models.layers import flow


def noisy(module: nn.Module, scale: float = 0.3) -> nn.Module:
    """The module in float64 with weights moved away from where they start."""
    torch.manual_seed(0)
    for p in module.double().parameters():
        p.data += scale * torch.randn_like(p)
    return module


def assert_invertible(layer: flow.Bijection, x: Tensor) -> None:
    """inverse(forward(x)) = x, and the determinant is that of autograd's Jacobian."""
    y, log_det = layer(x)
    torch.testing.assert_close(layer.inverse(y), x)
    for i in range(len(x)):
        jacobian = torch.autograd.functional.jacobian(lambda v: layer(v[None])[0][0], x[i])
        n = x[i].numel()
        expected = torch.linalg.slogdet(jacobian.reshape(n, n)).logabsdet
        torch.testing.assert_close(log_det[i].double(), expected, atol=1e-5, rtol=1e-5)


def net(channels: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, 6, 3, padding=1), nn.Tanh(), nn.Conv2d(6, 2 * channels, 3, padding=1))


X = torch.randn(2, 2, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("mask", [flow.checkerboard(4, 4).expand(2, -1, -1), flow.channel_mask(2, second=True)])
def test_a_coupling_is_equation_9(mask: Tensor) -> None:
    layer = noisy(flow.Coupling(mask, net(2)))
    assert isinstance(layer, flow.Coupling)
    s, t = layer.net(X * layer.mask).chunk(2, 1)
    b, s = layer.mask, layer.scale * s.tanh()
    y, _ = layer(X)
    torch.testing.assert_close(y.double(), b * X + (1 - b) * (X * s.exp() + t), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close((y * b).double(), X * b)


def test_masks_are_those_of_figure_3() -> None:
    assert flow.checkerboard(2, 3).tolist() == [[[0, 1, 0], [1, 0, 1]]]
    torch.testing.assert_close(flow.checkerboard(4, 4, odd=True), 1 - flow.checkerboard(4, 4))
    assert flow.channel_mask(4).flatten().tolist() == [1, 1, 0, 0]
    assert flow.channel_mask(4, second=True).flatten().tolist() == [0, 0, 1, 1]


def test_layers_invert_and_know_their_determinants() -> None:
    assert_invertible(flow.Squeeze(), X)
    assert_invertible(flow.Logit(0.05), torch.rand(2, 1, 2, 2, dtype=torch.float64))
    levels = [
        flow.Chain([flow.Coupling(flow.checkerboard(4, 4).expand(2, -1, -1), net(2)), flow.Squeeze()]),
        flow.Chain([flow.Squeeze(), flow.Coupling(flow.channel_mask(16), net(16))]),
    ]
    layer = noisy(flow.MultiScale(levels), 0.1)
    assert isinstance(layer, flow.MultiScale)
    assert_invertible(layer, X)


def test_a_density_integrates_to_1_in_two_dimensions() -> None:
    nets = [nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 4)) for _ in range(4)]
    masks = [torch.tensor([float(i % 2), float(1 - i % 2)]) for i in range(4)]
    layer = noisy(flow.Chain([flow.Coupling(mask, n) for mask, n in zip(masks, nets, strict=True)]))
    side = torch.linspace(-12, 12, 601, dtype=torch.float64)
    points = torch.cartesian_prod(side, side)
    with torch.no_grad():
        z, log_det = layer(points)
        density = (flow.standard_normal_log_density(z).double() + log_det.double()).exp()
    assert float(density.sum() * (side[1] - side[0]) ** 2) == pytest.approx(1, abs=1e-3)


def test_dequantisation_keeps_the_level_and_fills_its_bin() -> None:
    levels = torch.arange(256.0).repeat(64, 1).view(64, 1, 16, 16)
    x = levels / 127.5 - 1
    torch.manual_seed(0)
    u = flow.dequantise(x)
    torch.testing.assert_close(flow.quantise(u), x)
    noise = u * 256 - levels
    assert noise.min() >= 0
    assert float(noise.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(noise.var()) == pytest.approx(1 / 12, abs=0.005)


def test_images_that_were_dequantised_already_are_refused() -> None:
    with pytest.raises(ValueError, match="pixels lie between the 256 levels"):
        flow.check_levels(torch.tensor([0.3 / 127.5]))


def test_the_log_density_is_the_standard_normal() -> None:
    expected = -0.5 * X.square().flatten(1).sum(1) - 16 * math.log(2 * math.pi)
    torch.testing.assert_close(flow.standard_normal_log_density(X).double(), expected, atol=1e-4, rtol=1e-6)


def test_actnorm_takes_its_start_from_the_first_batch_alone() -> None:
    torch.manual_seed(0)
    layer = flow.ActNorm(3).train()
    y, _ = layer(5 + 2 * torch.randn(64, 3, 4, 4))
    torch.testing.assert_close(y.mean((0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(y.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-3, rtol=0)
    again, _ = layer(torch.zeros(2, 3, 4, 4))
    assert (again.mean() + 2.5).abs() < 0.2
