"""ADA's augmentations: inverses, ranges, probabilities, gradients."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from paragone.models.layers import ada

SIDE = 16


def images(n: int = 3, c: int = 3) -> Tensor:
    """Smooth ones, so that resampling twice loses little."""
    y, x = torch.meshgrid(torch.linspace(0, 2, SIDE), torch.linspace(0, 2, SIDE), indexing="ij")
    waves = [torch.sin(x * (1 + i % 2) + i) * torch.cos(y - i) for i in range(n * c)]
    return torch.stack(waves).view(n, c, SIDE, SIDE)


@pytest.mark.parametrize("seed", range(3))
def test_blits_move_whole_pixels_and_are_undone_by_their_inverse(seed: int) -> None:
    torch.manual_seed(seed)
    x, matrix = images(8), ada.blits(8, torch.tensor(1.0), SIDE)
    moved = ada.warp(x, matrix)
    for a, b in zip(x, moved, strict=True):  # inside, every value is one that was there
        assert (a.flatten(1) - b[:, 5, 5, None]).abs().amax(0).min() < 1e-4
    inner = slice(3, -3)  # shifts are at most 2 pixels
    torch.testing.assert_close(
        ada.warp(moved, torch.linalg.inv(matrix))[:, :, inner, inner], x[:, :, inner, inner], rtol=1e-3, atol=1e-4
    )


def test_a_warp_moves_content_as_its_matrix_says() -> None:
    x = torch.zeros(1, 1, SIDE, SIDE)
    x[0, 0, 4, 6] = 1.0
    one = torch.ones(1)
    right = ada.warp(x, ada.translation(torch.tensor([[2 * 2 / SIDE, 1 * 2 / SIDE]])))
    assert right[0, 0, 5, 8].item() == pytest.approx(1, abs=1e-5)
    flipped = ada.warp(x, ada.scaling(-one, one))
    assert flipped[0, 0, 4, SIDE - 1 - 6].item() == pytest.approx(1, abs=1e-5)
    turned = ada.warp(x, ada.rotation(torch.tensor([math.pi / 2])))
    torch.testing.assert_close(turned, torch.rot90(x, -1, (2, 3)), rtol=0, atol=1e-5)


def test_affinities_are_undone_by_their_inverse() -> None:
    torch.manual_seed(0)
    angle, size = torch.tensor([0.3, -0.2, 0.1]), torch.tensor([1.1, 0.95, 1.2])
    matrix = ada.rotation(angle) @ ada.scaling(size, 1 / size) @ ada.translation(torch.full((3, 2), 0.05))
    x = images()
    back = ada.warp(ada.warp(x, matrix), torch.linalg.inv(matrix))
    assert (back - x)[:, :, 5:-5, 5:-5].abs().max() < 0.05
    drawn = ada.affinities(100, torch.tensor(1.0))
    assert torch.linalg.det(drawn).min() > 0
    torch.testing.assert_close(torch.linalg.inv(drawn) @ drawn, torch.eye(3).expand(100, 3, 3), rtol=0, atol=1e-4)


def test_colours_are_undone_by_their_inverse() -> None:
    torch.manual_seed(0)
    x, matrix = images(8), ada.colours(8, torch.tensor(1.0), hue=True)
    back = ada.recolour(ada.recolour(x, matrix), torch.linalg.inv(matrix.double()).float())
    torch.testing.assert_close(back, x, rtol=1e-3, atol=1e-3)


def test_a_turn_of_hue_keeps_luma_and_permutes_colours_at_a_third() -> None:
    x = images(1)
    y = ada.recolour(x, ada.about_grey(torch.tensor([0.7])))
    torch.testing.assert_close(y.sum(1), x.sum(1), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(y.square().sum(1), x.square().sum(1), rtol=1e-4, atol=1e-5)
    third = ada.recolour(x, ada.about_grey(torch.tensor([2 * math.pi / 3])))
    torch.testing.assert_close(third, x.roll(1, 1), rtol=1e-4, atol=1e-5)


def test_grey_images_change_as_equal_channels_do() -> None:
    torch.manual_seed(0)
    matrix, x = ada.colours(3, torch.tensor(1.0), hue=False), images(3, 1)
    torch.testing.assert_close(ada.recolour(x, matrix), ada.recolour(x.expand(-1, 3, -1, -1), matrix)[:, :1])


SYM2 = np.array([-0.12940952255126034, 0.2241438680420134, 0.8365163037378079, 0.48296291314451416])


def taps() -> list[np.ndarray]:
    """The bank of the paper's appendix, by convolving sym2's own coefficients."""
    low = np.convolve(SYM2, SYM2[::-1]) / 2
    high = low * (-1.0) ** np.arange(-3, 4)

    def spread(h: np.ndarray, by: int) -> np.ndarray:
        out = np.zeros((len(h) - 1) * by + 1)
        out[::by] = h
        return out

    rest, found = np.ones(1), []
    for by in (1, 2, 4):
        found.append(np.convolve(rest, spread(high, by)))
        rest = np.convolve(rest, spread(low, by))
    return [rest, *found[::-1]]


@pytest.mark.parametrize("side", [8, 16, 32])  # the longest filter has 43 taps: reflected more than once at 16 px
def test_bands_are_those_of_the_wavelets_filter_bank(side: int) -> None:
    torch.manual_seed(0)
    x, gain = torch.randn(2, 3, side, side), torch.tensor([[0.5, 2.0, 1.0, 3.0], [4.0, 0.1, 0.7, 1.0]])
    found = ada.amplify(x, gain)
    for image, g, y in zip(x.double().numpy(), gain.double().numpy(), found, strict=True):
        for axis in (1, 2):
            image = sum(a * ndimage.convolve1d(image, h, axis, mode="mirror") for a, h in zip(g, taps(), strict=True))
        np.testing.assert_allclose(y, image, atol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(ada.amplify(x, torch.ones(2, 4)), x, rtol=0, atol=1e-5)


def test_a_wave_is_amplified_by_the_gain_of_its_band() -> None:
    pixel = torch.arange(256)
    for band, share in enumerate((1 / 32, 3 / 16, 3 / 8, 3 / 4)):  # of the highest frequency
        wave = torch.cos(pixel * (math.pi * share)).expand(1, 1, 4, 256)
        louder = [
            (torch.einsum("kij,bchj->kbchi", ada.bands(256, pixel.device), wave)[k] + wave).norm() / wave.norm()
            for k in range(4)
        ]
        assert louder.index(max(louder)) == band
        assert louder[band] > 1.6  # at twice the gain


def test_gains_keep_the_power_of_natural_images() -> None:
    torch.manual_seed(0)
    always = ada.gains(2000, torch.tensor(1.0))
    power = torch.tensor([10.0, 1.0, 1.0, 1.0]) / 13
    one = ada.gains(2000, torch.tensor(0.1))
    single = one[((one / one[:, :1] - 1).abs() > 1e-6).sum(1) == 1]  # one of the upper bands was drawn
    assert len(single) > 300
    torch.testing.assert_close((power * single.square()).sum(1), torch.ones(len(single)), rtol=1e-4, atol=0)
    ratio = (always[:, 3] / always[:, 2]).log2()  # each of two drawn from an octave's normal: the rest cancels
    assert (ratio.mean().item(), ratio.std().item()) == pytest.approx((0, math.sqrt(2)), abs=0.1)
    assert (ada.gains(5, torch.tensor(0.0)) - 1).abs().max() < 1e-6


def test_at_p_0_nothing_happens_and_at_p_a_share_does() -> None:
    torch.manual_seed(0)
    x = images(4).repeat(50, 1, 1, 1)
    assert (ada.augment(x, torch.tensor(0.0), ada.GROUPS) - x).abs().max() < 1e-4
    cut = ada.augment(x, torch.tensor(0.3), ("cutout",))
    share = (cut != x).flatten(1).any(1).float().mean().item()
    assert share == pytest.approx(0.3, abs=0.1)
    changed = (cut != x).any(1).flatten(1).sum(1).max().item()
    assert changed <= (SIDE // 2 + 1) ** 2


def test_gradients_reach_the_image() -> None:
    torch.manual_seed(0)
    x = images(6).requires_grad_()
    (grad,) = torch.autograd.grad(ada.augment(x, torch.tensor(1.0), ada.GROUPS[:4]).square().sum(), x)
    assert grad.flatten(1).norm(dim=1).min() > 0


def test_unknown_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="augment names 'wavelet'; choose from blit"):
        ada.check(("blit", "wavelet"))
