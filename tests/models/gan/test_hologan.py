"""HoloGAN: a volume that turns as a rigid body, the styles, and each loss against a few lines."""

import math
import re

import pytest
import torch
from scipy import ndimage
from torch.nn.functional import softplus

from paragone.models.base import Progress, Spec
from paragone.models.gan.hologan import Generator, HoloGAN, Style, rotation, turn

SPEC = Spec((3, 32, 32))


def build(**config: object) -> HoloGAN:
    torch.manual_seed(0)
    return HoloGAN(HoloGAN.Config(**{"z_dim": 6, "width": 2, "volume": 8, **config}), SPEC)  # type: ignore[arg-type]


def angles(*degrees: float) -> list[torch.Tensor]:
    return [torch.tensor([math.radians(d)]) for d in degrees]


def test_a_rotation_is_one_and_no_turn_leaves_the_volume() -> None:
    matrix = rotation(torch.randn(5), torch.randn(5))
    torch.testing.assert_close(matrix @ matrix.transpose(1, 2), torch.eye(3).expand(5, 3, 3))
    torch.testing.assert_close(torch.linalg.det(matrix), torch.ones(5))
    volume = torch.randn(1, 3, 8, 8, 8)
    torch.testing.assert_close(turn(volume, rotation(*angles(0, 0))), volume)


def test_quarter_turns_move_voxels_and_two_turns_add_up() -> None:
    volume = torch.randn(1, 2, 6, 6, 6)
    for degrees, expected in (
        ((90, 0), volume.rot90(1, (4, 2))),  # about the vertical axis
        ((0, 90), volume.rot90(1, (3, 2))),  # about the image's horizontal one
        ((90, 90), volume.rot90(1, (4, 2)).rot90(1, (3, 2))),
    ):
        torch.testing.assert_close(turn(volume, rotation(*angles(*degrees))), expected, rtol=1e-4, atol=1e-4)


def test_a_turn_resamples_as_scipy_does() -> None:
    volume = torch.zeros(1, 1, 9, 9, 9)
    volume[..., 2:7, 2:7, 2:7] = torch.rand(5, 5, 5)
    found = turn(volume, rotation(*angles(25, 0)))[0, 0].numpy()
    expected = ndimage.rotate(volume[0, 0].numpy(), -25, axes=(0, 2), reshape=False, order=1)
    assert abs(found - expected).max() < 1e-4


def test_the_style_sets_mean_and_scale_of_each_map() -> None:
    style, z, x = Style(4, 5), torch.randn(2, 4), torch.randn(2, 5, 6, 6, 6)
    scale, shift = torch.relu(style.affine(z)).chunk(2, 1)
    y = style(x, z).flatten(2)
    torch.testing.assert_close(y.mean(2), shift, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(y.std(2, correction=0), scale, rtol=1e-3, atol=1e-4)


def test_the_projection_sees_each_depth_by_weights_of_its_own() -> None:
    net = Generator(4, (3, 32, 32), 2, 8)
    assert net.project.weight.shape == (16, 2 * 8, 1, 1)
    sizes = [m.weight.shape[:2] for m in (*net.ups3, *net.turned, *net.ups2)]
    assert [tuple(s) for s in sizes] == [(16, 4), (2, 4), (2, 2), (16, 8), (8, 2)]


@pytest.mark.parametrize(("width", "z_dim"), [(8, 32), (16, 128), (64, 128)])
def test_features_of_any_width_start_as_strong(width: int, z_dim: int) -> None:
    """AdaIN adds 1e-8 to the variance of the maps that reach it: the flat layers' must be far above it."""
    net, seen = build(width=width, z_dim=z_dim).G, []
    net.ups2[0].register_forward_hook(lambda module, args, out: seen.append(out))  # type: ignore[no-untyped-call]
    with torch.no_grad():
        net(torch.rand(4, z_dim) * 2 - 1, rotation(torch.zeros(4), torch.zeros(4)))
    assert seen[0].var((2, 3)).mean() > 1e-5


def test_losses_are_those_of_an_independent_computation() -> None:
    model = build().eval()  # the spectral norms stand still
    x = torch.rand(4, 3, 32, 32) * 2 - 1
    torch.manual_seed(1)
    updates = model.losses({"image": x}, Progress(0))
    d = next(updates)
    torch.manual_seed(1)
    with torch.no_grad():
        latents = model.latents(4)
        fake = model.decode(latents)
        real_score, _, real_styles = model.D(x)
        fake_score, codes, fake_styles = model.D(fake)
        identity = (codes - latents[:, :6]).pow(2).mean()
        game = softplus(-real_score).mean() + softplus(fake_score).mean()
        styles = sum(softplus(-a).mean() + softplus(b).mean() for a, b in zip(real_styles, fake_styles, strict=True))
        torch.testing.assert_close(d.loss, game + identity + styles)
        g = next(updates)
        expected = softplus(-fake_score).mean() + identity + sum(softplus(-b).mean() for b in fake_styles)
        torch.testing.assert_close(g.loss, expected)
    assert (d.optimizer, g.optimizer, next(updates).optimizer) == ("discriminator", "generator", "generator")
    assert next(updates, None) is None


def test_the_style_discriminators_see_mean_and_variance() -> None:
    D = build().D.eval()
    x = torch.randn(3, 3, 32, 32)
    h = torch.nn.functional.leaky_relu(D.first(x), 0.2)
    h = D.convs[0](h)
    stats = torch.cat([h.var((2, 3)), h.mean((2, 3))], 1)
    torch.testing.assert_close(D(x)[2][0], D.styles[0](stats))


def test_only_the_pose_is_traversed_and_z_is_kept() -> None:
    model = build(azimuth=(-60.0, 60.0), elevation=(10.0, 55.0))
    z = model.latents(1)[0]
    rows = model.traversals(z, 5)
    assert torch.equal(rows[..., :6], z[:6].expand(2, 5, 6))
    assert torch.equal(rows[0, :, 6], torch.linspace(-1, 1, 5))
    assert torch.equal(rows[1, :, 7], torch.linspace(-1, 1, 5))
    assert torch.equal(rows[0, :, 7], z[7].expand(5))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"azimuth": (50.0, -50.0)}, "azimuth is from 50.0 to -50.0 degrees; give the lower end first"),
        ({"volume": 12}, "volume is 12; its side must be a power of two from 8 up"),
        ({"volume": 64}, "volume is 64, wider than the images of 32 px; set config.volume to less"),
        ({"generator_updates": 0}, "generator_updates is 0; it must be at least 1"),
    ],
)
def test_settings_that_cannot_be(config: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        build(**config)


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="power of two from 32 up; these are 48 x 48"):
        HoloGAN(HoloGAN.Config(width=2), Spec((3, 48, 48)))
