"""Fused convolutions against PyTorch's own layers."""

import pytest
import torch
from torch import Tensor, nn

from paragone.evaluation import fused
from paragone.evaluation.extractors.classifier import Net
from paragone.evaluation.extractors.lite0 import Conv
from paragone.models.base import Spec


def images(*shape: int) -> Tensor:
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    return x.contiguous(memory_format=torch.channels_last)


def test_a_convolution_takes_its_norm_and_activation_along() -> None:
    torch.manual_seed(0)
    net = Net(Spec((1, 20, 28), 3), width=5)  # sizes and widths that no vector register divides
    for norm in (layer for layer in net.trunk if isinstance(layer, nn.BatchNorm2d)):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.running_mean)  # type: ignore[arg-type]
        nn.init.uniform_(norm.running_var, 0.1, 2)  # type: ignore[arg-type]
    net.eval().requires_grad_(False)
    x = images(3, 1, 20, 28)
    expected = net.trunk(x)
    with fused.packed():
        first, again = fused.run(net.trunk, x), fused.run(net.trunk, x)
    assert torch.allclose(first, expected, rtol=1e-4, atol=1e-5)
    assert torch.equal(first, again)
    assert torch.equal(fused.run(net.trunk, x), expected)  # outside, PyTorch's own


@pytest.mark.parametrize("activation", ["none", "relu", "relu6"])
@pytest.mark.parametrize("groups", [1, 6])
def test_activations_and_groups(activation: fused.Activation, groups: int) -> None:
    conv = nn.Conv2d(6, 12, 3, groups=groups)
    nn.init.normal_(conv.weight)
    given = conv, images(2, 6, 9, 11), conv.weight, conv.bias, fused.How((2, 1), (1, 0), groups, activation)
    with torch.no_grad():
        expected = fused.convolve(*given)
    with fused.packed():
        assert torch.allclose(fused.convolve(*given), expected, atol=1e-5)
    least, most = float(expected.min()), float(expected.max())
    assert (least < 0) == (activation == "none")
    assert (most > 6) == (activation != "relu6")


def test_weights_that_changed_between_two_uses_are_packed_anew() -> None:
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU()).requires_grad_(False)
    x = images(1, 2, 5, 5)
    with fused.packed():
        before = fused.run(net, x)
    net[0].weight.mul_(2)  # type: ignore[operator]
    with fused.packed():
        assert not torch.equal(fused.run(net, x), before)


@pytest.mark.parametrize(("kernel", "size"), [(3, 8), (3, 9), (5, 8), (5, 7)])
def test_same_padding_is_tensorflows(kernel: int, size: int) -> None:
    """The odd pixel comes after the image: at an even size and stride 2 there is one."""
    conv = Conv("conv norm", 4, 4, kernel, stride=2, groups=4, act=False)
    nn.init.normal_(conv.weight)
    x = images(2, 4, size, size)
    total = max((-(-size // 2) - 1) * 2 + kernel - size, 0)
    before, after = total // 2, total - total // 2
    padded = nn.functional.pad(x, (before, after, before, after))
    expected = nn.functional.conv2d(padded, conv.weight, conv.bias, 2, groups=4)
    assert torch.allclose(conv(x), expected, atol=1e-6)
    with fused.packed():
        assert torch.allclose(conv(x), expected, atol=1e-6)
