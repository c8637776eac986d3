"""MobileStyleGAN: wavelets, the loss of every size, demodulation that can be fused, and what a teacher must be."""

import pytest
import torch
from torch.nn.functional import conv2d, interpolate, softplus

from paragone.models.base import Progress, Spec
from paragone.models.gan.dcgan import DCGAN
from paragone.models.gan.mobile_stylegan import MobileStyleGAN, Styled, pixel_loss
from paragone.models.gan.stylegan2 import StyleGAN2
from paragone.models.layers import diffaug
from paragone.models.layers.wavelet import haar, inverse_haar

X = torch.zeros(4, 3, 16, 16)  # of which only the number counts


def build(**config: object) -> MobileStyleGAN:
    torch.manual_seed(0)
    spec = Spec((3, 16, 16))
    teacher = StyleGAN2(StyleGAN2.Config(z_dim=8, w_dim=8, depth=2, width=64, max_width=8), spec).eval()
    return MobileStyleGAN(MobileStyleGAN.Config(**config), spec, teacher)  # type: ignore[arg-type]


def test_wavelets_invert_and_keep_lengths() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 8, 6)
    y = haar(x)
    assert y.shape == (2, 12, 4, 3)
    torch.testing.assert_close(inverse_haar(y), x)
    torch.testing.assert_close(haar(inverse_haar(y)), y)
    torch.testing.assert_close(y.norm(), x.norm())
    a, b, c, d = x[0, 1, 2, 4], x[0, 1, 2, 5], x[0, 1, 3, 4], x[0, 1, 3, 5]
    expected = torch.stack([a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d]) / 2
    torch.testing.assert_close(y[0, 4:8, 1, 2], expected)


def test_the_pixel_loss_is_0_for_the_images_own_wavelets_and_counts_every_size() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 16, 16)
    sizes = [interpolate(x, size=(s, s), mode="bilinear", align_corners=True) for s in (8, 16)]
    assert pixel_loss([haar(s) for s in sizes], x).item() == pytest.approx(0, abs=1e-6)
    gaps = [torch.randn(2, 12, 4, 4), torch.randn(2, 12, 8, 8)]
    expected = torch.zeros(())
    for gap in gaps:
        for part in (gap, inverse_haar(gap)):
            expected = expected + part.abs().mean() + part.square().mean()
    pyramid = [haar(s) + gap for s, gap in zip(sizes, gaps, strict=True)]
    torch.testing.assert_close(pixel_loss(pyramid, x), expected, rtol=1e-4, atol=1e-4)


def test_demodulation_equals_explicit_weights_and_knows_no_style() -> None:
    torch.manual_seed(0)
    layer, x, w = Styled(4, 6, 8), torch.randn(2, 4, 5, 5), torch.randn(2, 8)
    layer.p.data = torch.rand(4) + 0.5
    layer.style.weight.data.normal_()
    whole = layer.weight * layer.spatial.transpose(0, 1)  # (6,4,3,3)
    norms = torch.stack([(row * layer.p.view(4, 1, 1)).square().sum() for row in whole]).sqrt()
    y = conv2d(x * layer.style(w)[:, :, None, None], whole / norms.view(6, 1, 1, 1), padding=1)
    expected = torch.nn.functional.leaky_relu(y, 0.2) * 2**0.5
    torch.testing.assert_close(layer(x, w, torch.randn(2, 25)), expected, rtol=1e-4, atol=1e-5)


def test_the_student_starts_at_a_strength_that_its_teachers_w_do_not_raise() -> None:
    model = build()
    _, noise = model.latents(4)
    weak, strong = (model.student(scale * torch.randn(4, 8), noise)[-1] for scale in (1.0, 20.0))
    torch.testing.assert_close(weak, strong)
    assert weak.std() < 3


def test_the_losses_imitate_the_teacher_and_r1_takes_the_place_of_every_16th_game() -> None:
    model = build()
    torch.manual_seed(1)
    s, d = list(model.losses({"image": X}, Progress(1)))
    torch.manual_seed(1)
    with torch.no_grad():
        z, noise = model.teacher.latents(4)
        w = model.teacher.mapping(z)
        x = model.teacher.synthesis(w[:, None].expand(-1, 6, -1), noise)
        pyramid = model.student(w, noise)
        assert [p.shape for p in pyramid] == [(4, 12, 4, 4), (4, 12, 8, 8)]
        score = model.D(diffaug.augment(inverse_haar(pyramid[-1])))
        torch.testing.assert_close(s.loss, pixel_loss(pyramid, x) + 0.5 * softplus(-score).mean())
    assert (s.optimizer, d.optimizer) == ("student", "discriminator")
    _, r1 = list(model.losses({"image": X}, Progress(16)))
    assert r1.drawn == 0
    assert len(list(build(adversarial=0.0).losses({"image": X}, Progress(16)))) == 1


def test_it_is_lighter_than_its_teacher() -> None:
    torch.manual_seed(0)
    spec = Spec((3, 32, 32))
    teacher = StyleGAN2(StyleGAN2.Config(z_dim=8, w_dim=8, depth=2, width=512, max_width=32), spec)
    model = MobileStyleGAN(MobileStyleGAN.Config(), spec, teacher)
    counts = [sum(p.numel() for p in net.parameters()) for net in (model.student, teacher.synthesis)]
    assert counts[0] < counts[1] / 2


def test_another_teacher_is_refused() -> None:
    spec = Spec((3, 16, 16))
    with pytest.raises(ValueError, match="learns from a StyleGAN2 and its teacher is a DCGAN"):
        MobileStyleGAN(MobileStyleGAN.Config(), spec, DCGAN(DCGAN.Config(width=4), spec))
