"""StyleGAN3: filters against scipy, the design of its bands, resampling, equivariance of an untrained network."""

import math

import numpy as np
import pytest
import torch
from scipy import signal, special
from torch.nn.functional import leaky_relu, softplus

from paragone.models.base import Progress, Spec
from paragone.models.gan.stylegan3 import StyleGAN3
from paragone.models.layers.alias_free import AliasFreeLayer, bands, downsample, lowpass, upsample

X = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


def build(**config: object) -> StyleGAN3:
    torch.manual_seed(0)
    small = {"z_dim": 8, "w_dim": 8, "layers": 6, "width": 256, "max_width": 16, **config}
    return StyleGAN3(StyleGAN3.Config(**small), Spec((3, 32, 32)))  # type: ignore[arg-type]


@pytest.mark.parametrize(("taps", "cutoff", "width", "rate"), [(12, 3.0, 4.0, 32.0), (24, 16.0, 9.0, 64.0)])
def test_filters_are_scipys(taps: int, cutoff: float, width: float, rate: float) -> None:
    expected = signal.firwin(taps, cutoff, width=width, fs=rate)
    np.testing.assert_allclose(lowpass(taps, cutoff, width, rate), expected, atol=1e-6)
    x = (np.arange(taps) - (taps - 1) / 2) / rate
    r = np.hypot(*np.meshgrid(x, x))
    window = np.kaiser(taps, signal.kaiser_beta(signal.kaiser_atten(taps, width / (rate / 2))))
    radial = special.j1(2 * cutoff * np.pi * r) / (np.pi * r) * np.outer(window, window)
    np.testing.assert_allclose(lowpass(taps, cutoff, width, rate, radial=True), radial / radial.sum(), atol=1e-6)


def test_bands_are_designed_as_for_the_papers_1024_px() -> None:
    made = bands(1024, 14, 2, 32_768, 512, 10)
    # layers' names in the authors' networks: L0_36_512, L1_36_512, L2_52_512 ... L13_1024_32, L14_1024_3
    assert [b.size for b in made] == [36, 36, 52, 52, 84, 148, 148, 276, 276, 532, 1044, 1044, 1044, 1024, 1024]
    assert [b.channels for b in made[:-1]] == [512] * 7 + [323, 203, 128, 81, 51, 32, 32]
    assert made[0].cutoff == 2
    assert made[-1].cutoff == 512
    assert made[-1].half_width == pytest.approx(512 * 2**0.3 - 512)


@pytest.mark.parametrize("padding", [(3, 2), (-2, 7), (30, 28)])
def test_resampling_equals_zero_insertion_and_scipys_convolution(padding: tuple[int, int]) -> None:
    torch.manual_seed(0)
    f, x = lowpass(12, 3.0, 4.0, 32.0), torch.randn(1, 2, 9, 9)
    y = upsample(x, f, 2, padding)
    for c in range(2):
        z = np.zeros((18, 18))
        z[::2, ::2] = x[0, c].numpy()
        lo, hi = padding
        z = np.pad(z, (max(lo, 0), max(hi, 0)))[max(-lo, 0) :, max(-lo, 0) :]
        expected = 4 * signal.convolve2d(z, np.outer(f, f), mode="valid")
        np.testing.assert_allclose(y[0, c], expected, atol=1e-5)
        whole = signal.convolve2d(expected, np.outer(f, f), mode="valid")[::2, ::2]
        np.testing.assert_allclose(downsample(y, f, 2)[0, c], whole, atol=1e-5)
    torch.testing.assert_close(downsample(y, torch.outer(f, f), 2), downsample(y, f, 2), rtol=1e-4, atol=1e-5)


def test_on_a_cpu_filters_act_in_float32_under_autocast_too() -> None:
    torch.manual_seed(0)
    designed = bands(32, 6, 2, 256, 16, 10)
    layer = AliasFreeLayer(8, designed[1], designed[2], 3).eval()
    x, w = torch.randn(2, 16, designed[1].size, designed[1].size), torch.randn(2, 8)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        made, convolved = layer(x, w), layer._convolve(x, layer.affine(w)) + layer.bias
    fine = leaky_relu(upsample(convolved.float(), layer.filter_up, layer.up, layer.padding), 0.2) * math.sqrt(2)
    assert made.dtype == torch.float32
    torch.testing.assert_close(made, downsample(fine, layer.filter_down, layer.down), rtol=0, atol=0)


def _psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    scale = (a.max() - a.min()).item()
    return 10 * math.log10(scale**2 / (a - b).square().mean().item())


@pytest.mark.parametrize("margin", [4, 10])
def test_an_untrained_generator_moves_with_its_input(margin: int) -> None:
    model = build(margin=margin).eval()
    assert (
        model.synthesis.layers[0](model.synthesis.input(torch.zeros(1, 8)), torch.zeros(1, 8)).shape[2]
        == 16 + 2 * margin
    )
    w = torch.randn(2, 8)
    with torch.no_grad():
        before = model.synthesis(w)
        model.synthesis.input.transform[0, 2] = 4 / 32  # right by 4 pixels: the input at x is that at x + 4
        after = model.synthesis(w)
    assert _psnr(before[..., 8:-4], after[..., 4:-8]) > 35
    assert _psnr(before[..., 8:-4], after[..., 8:-4]) < 25


def test_config_r_turns_with_its_input() -> None:
    quarter = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    psnr = {}
    for configuration in ("t", "r"):
        model = build(configuration=configuration).eval()
        w = torch.randn(2, 8)
        with torch.no_grad():
            before = model.synthesis(w)
            model.synthesis.input.transform.copy_(quarter)
            after = model.synthesis(w)
        inner = slice(4, -4)
        turns = [_psnr(torch.rot90(before, k, (2, 3))[..., inner, inner], after[..., inner, inner]) for k in (1, -1)]
        psnr[configuration] = max(turns)
    assert psnr["r"] > 40
    assert psnr["t"] < 25


def test_losses_are_those_of_stylegan2_without_path_lengths() -> None:
    model = build(gamma=3.0).eval()  # magnitudes stand still
    torch.manual_seed(1)
    g, d, r1 = list(model.losses({"image": X}, Progress(0)))
    torch.manual_seed(1)
    with torch.no_grad():
        fakes = [model.synthesis(model.mapping(torch.randn(2, 8))) for _ in range(2)]
        torch.testing.assert_close(g.loss, softplus(-model.D(fakes[0])).mean())
        torch.testing.assert_close(d.loss, softplus(model.D(fakes[1])).mean() + softplus(-model.D(X)).mean())
    leaf = X.clone().requires_grad_()
    model.D(leaf).sum().backward(inputs=[leaf])
    assert leaf.grad is not None
    torch.testing.assert_close(r1.loss, 16 * 1.5 * leaf.grad.square().sum((1, 2, 3)).mean())
    assert len(list(model.losses({"image": X}, Progress(1)))) == 2


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="critical is 6; it must be 1 to 5"):
        build(critical=6)
    with pytest.raises(ValueError, match="margin is -1; it must be at least 0"):
        build(margin=-1)
