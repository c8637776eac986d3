"""Layers of ProGAN and the StyleGANs, against explicit weights, zero insertion, scipy and finite differences."""

import math

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d
from torch import Tensor
from torch.nn.functional import conv2d, pad

from paragone.models.layers import functional
from paragone.models.layers.stylegan import (
    Conv2d,
    Filter,
    Linear,
    ModulatedConv2d,
    Noise,
    PathLength,
    halvings,
    lazy_adam,
    minibatch_stddev,
    mix_styles,
    pixel_norm,
    swap_styles,
    truncate,
)

KERNEL = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def zeros_inserted(x: Tensor) -> Tensor:
    """(B,C,H,W) -> (B,C,2H-1,2W-1): x at even places."""
    y = x.new_zeros(*x.shape[:2], 2 * x.shape[2] - 1, 2 * x.shape[3] - 1)
    y[:, :, ::2, ::2] = x
    return y


def filtered(x: Tensor, margin: int) -> Tensor:
    """Each channel filtered by scipy, after a margin of zeros: (B,C,H,W) -> (B,C,H+2 margin-3,...)."""
    planes = [convolve2d(p.numpy(), KERNEL, mode="valid") for p in pad(x.detach().double(), [margin] * 4).flatten(0, 1)]
    return torch.from_numpy(np.stack(planes)).unflatten(0, x.shape[:2]).float()


def test_an_equalised_layer_scales_unit_weights_and_slows_its_learning() -> None:
    torch.manual_seed(0)
    layer = Linear(300, 200, gain=math.sqrt(2), lr_multiplier=0.01)
    assert layer.weight.std().item() == pytest.approx(100, rel=0.01)
    assert layer(draw(50, 300, seed=1)).std().item() == pytest.approx(math.sqrt(2), rel=0.05)
    conv = Conv2d(30, 40, 3, gain=2.0)
    x = draw(2, 30, 5, 5)
    torch.testing.assert_close(conv(x), conv2d(x, conv.weight * 2 / math.sqrt(270), padding=1), rtol=1e-4, atol=1e-4)
    assert conv.weight.std().item() == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize("resample", [None, "up"])
def test_modulation_equals_a_convolution_with_each_images_normalised_weights(resample) -> None:
    torch.manual_seed(0)
    layer = ModulatedConv2d(3, 4, 3, resample=resample)
    x, s = draw(2, 3, 6, 6), draw(2, 3, seed=1)
    for i in range(2):
        w = layer.weight[:, :, :, :] * layer.scale * s[i].view(1, 3, 1, 1)  # (4,3,3,3), eq. 1
        norms = torch.tensor([row.square().sum() + 1e-8 for row in w]).sqrt()
        w = w / norms.view(4, 1, 1, 1)  # eq. 3
        if resample is None:
            y = conv2d(x[i : i + 1], w, padding=1)
        else:
            y = conv2d(pad(zeros_inserted(x[i : i + 1]), [2, 2, 2, 2]), w)  # (1,4,13,13)
            y = 4 * filtered(y, 1)
        torch.testing.assert_close(layer(x, s)[i : i + 1], y, rtol=1e-4, atol=1e-5)
        if resample is None:  # of unit variance for inputs of unit variance (section 2.2)
            assert w.square().sum((1, 2, 3)).sub(1).abs().max() < 1e-4


@pytest.mark.parametrize("kernel", [1, 3])
def test_a_halving_convolution_filters_before_it_strides(kernel: int) -> None:
    torch.manual_seed(0)
    layer = Conv2d(3, 4, kernel, bias=False, resample="down")
    x = draw(2, 3, 8, 8)
    expected = conv2d(filtered(x, 1 + kernel // 2), layer.weight * layer.scale)[:, :, ::2, ::2]
    torch.testing.assert_close(layer(x), expected, rtol=1e-4, atol=1e-5)


def test_the_filter_keeps_constants_and_halves_and_doubles_by_zero_insertion() -> None:
    f, x = Filter(), draw(2, 3, 8, 8)
    torch.testing.assert_close(f.up(x), 4 * filtered(zeros_inserted(x), 2), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(f.down(x), filtered(x, 1)[:, :, ::2, ::2], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(f.up(torch.ones(1, 1, 6, 6))[:, :, 1:-1, 1:-1], torch.ones(1, 1, 10, 10))
    torch.testing.assert_close(f.down(torch.ones(1, 1, 8, 8))[:, :, 1:-1, 1:-1], torch.ones(1, 1, 2, 2))
    box = Filter((1, 1))
    torch.testing.assert_close(box.up(x), x.repeat_interleave(2, 2).repeat_interleave(2, 3))
    torch.testing.assert_close(box.down(x), torch.nn.functional.avg_pool2d(x, 2))


@pytest.mark.parametrize("taps", [(1, 3, 3, 1), (1, 1), (1, 2, 4, 3)])
def test_the_filters_derivatives_are_those_of_finite_differences(taps: tuple[int, ...]) -> None:
    f, x = Filter(taps), draw(1, 2, 4, 6).double().requires_grad_()
    maps = [f.down, f.up] if len(taps) % 4 == 0 else []
    for apply in (lambda y: f(y, 1), lambda y: f(y, -1, gain=4.0), *maps):
        assert torch.autograd.gradcheck(apply, x)
        assert torch.autograd.gradgradcheck(lambda y, apply=apply: apply(y).square(), x)


def test_pixel_norm_and_noise() -> None:
    x = draw(2, 5, 3, 3)
    for b, h, w in ((0, 0, 0), (1, 2, 1)):
        v = x[b, :, h, w]
        torch.testing.assert_close(pixel_norm(x)[b, :, h, w], v / (v @ v / 5).sqrt())
    noise = Noise()
    eps = draw(2, 9, seed=2)
    assert torch.equal(noise(x, eps), x)
    noise.strength.data.fill_(0.5)
    torch.testing.assert_close(noise(x, eps)[1, 3], x[1, 3] + 0.5 * eps[1].view(3, 3))


def test_minibatch_stddev_is_that_of_each_group_over_images() -> None:
    x = draw(6, 2, 3, 3)
    y = minibatch_stddev(x, 4)  # 2 divides both 6 and 4: groups of two images
    assert torch.equal(y[:, :2], x)
    for i in range(3):
        pair = x[[i, i + 3]]
        expected = ((pair - pair.mean(0)).square().mean(0) + 1e-8).sqrt().mean()
        torch.testing.assert_close(y[[i, i + 3], 2], expected.expand(2, 3, 3))
    assert minibatch_stddev(torch.ones(4, 1, 2, 2), 4)[:, 1].abs().max() < 1.1e-4


def test_styles_are_mixed_from_a_random_layer_on() -> None:
    torch.manual_seed(0)
    w = mix_styles(torch.zeros(500, 1), torch.ones(500, 1), 6, 0.9)[:, :, 0]  # (500,6)
    assert torch.equal(w, w.sort(1).values)
    assert not w[:, 0].any()
    assert w.any(1).float().mean().item() == pytest.approx(0.9, abs=0.04)
    assert set(w.sum(1).long().tolist()) == {0, 1, 2, 3, 4, 5}


def test_styles_are_swapped_in_a_share_of_the_layers() -> None:
    w1, w2 = torch.zeros(2, 3), torch.ones(2, 3)
    parts = [swap_styles(w1, w2, 8, i / 3, (i + 1) / 3)[:, :, 0] for i in range(3)]
    assert [part[0].tolist().index(1) for part in parts] == [0, 3, 5]
    assert torch.equal(sum(parts), torch.ones(2, 8))  # every layer is in one third
    assert torch.equal(swap_styles(w1, w2, 6, 0.0, 1.0), w2[:, None].expand(2, 6, 3))


def test_truncation_is_a_straight_line_to_the_mean() -> None:
    w, mean = draw(3, 4), draw(4, seed=1)
    assert truncate(w, mean, 1.0) is w
    torch.testing.assert_close(truncate(w, mean, 0.7), mean + 0.7 * (w - mean))
    torch.testing.assert_close(truncate(w, mean, 0.0), mean.expand(3, 4))


def test_path_lengths_match_finite_differences() -> None:
    """||J^T y|| from the Jacobian, measured one dimension of w at a time in float64."""
    matrix = draw(2 * 3, 18).double()

    def synthesis(w: Tensor) -> Tensor:  # (B,2,3) -> (B,2,3,3), not linear
        return torch.tanh(w.flatten(1).double() @ matrix).view(-1, 2, 3, 3)

    w = draw(4, 2, 3, seed=3).double()
    path = PathLength(0.9)
    torch.manual_seed(5)
    lengths = path.lengths(synthesis, w.clone())
    torch.manual_seed(5)
    y = torch.randn(4, 2, 3, 3, dtype=torch.float64) / 3
    step, expected = 1e-5, torch.zeros(4, 2, 3, dtype=torch.float64)
    for i in range(2):
        for j in range(3):
            e = torch.zeros_like(w)
            e[:, i, j] = step
            slope = (synthesis(w + e) - synthesis(w - e)) / (2 * step)
            expected[:, i, j] = (slope * y).sum((1, 2, 3))
    torch.testing.assert_close(lengths, expected.square().sum(2).mean(1).sqrt(), rtol=1e-7, atol=1e-9)
    torch.manual_seed(5)
    penalty = path(synthesis, w.clone())
    mean = 0.1 * lengths.mean()
    torch.testing.assert_close(path.mean.double(), mean, rtol=1e-6, atol=0)
    torch.testing.assert_close(penalty, (lengths - mean).square().mean(), rtol=1e-6, atol=0)


def test_the_zero_centred_penalty_matches_finite_differences() -> None:
    matrix = draw(12, 7)

    def critic(x: Tensor) -> Tensor:
        return torch.sin(x.double().flatten(1) @ matrix.double()).sum(1, keepdim=True)

    x, step, total = draw(3, 3, 2, 2, seed=1).double(), 1e-5, 0.0
    for i in range(12):
        e = torch.zeros(3, 12, dtype=torch.float64)
        e[:, i] = step
        e = e.view(3, 3, 2, 2)
        total += ((critic(x + e) - critic(x - e)) / (2 * step)).square().sum().item() / 3
    assert functional.zero_centred_gradient_penalty(critic, x).item() == pytest.approx(total, rel=1e-4)


def test_adam_is_corrected_for_steps_that_come_on_top() -> None:
    optimizer = lazy_adam([torch.nn.Parameter(torch.zeros(1))], 0.002, (0.0, 0.99), 16)
    assert optimizer.defaults["lr"] == pytest.approx(0.002 * 16 / 17)
    assert optimizer.defaults["betas"] == pytest.approx((0.0, 0.99 ** (16 / 17)))
    alone = lazy_adam([torch.nn.Parameter(torch.zeros(1))], 0.002, (0.0, 0.99), None)
    assert (alone.defaults["lr"], alone.defaults["betas"]) == (0.002, (0.0, 0.99))


@pytest.mark.parametrize("shape", [(3, 17, 17), (3, 16, 32), (3, 4, 4)])
def test_sizes_that_do_not_halve_are_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=f"StyleGAN2 takes square images .*{shape[1]} x {shape[2]}"):
        halvings(shape, "StyleGAN2", 8)
    assert halvings((3, 64, 64), "StyleGAN2", 8) == 4
