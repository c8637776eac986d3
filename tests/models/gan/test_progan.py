"""ProGAN: stages, fading, the loss, and a generator whose average grows."""

import pytest
import torch
from torch.nn.functional import avg_pool2d

from paragone.models.base import Progress, Spec
from paragone.models.gan.progan import ProGAN
from paragone.models.layers.progressive import double, level_at, real_at

X = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
TINY = 1e-6


def build(**config: object) -> ProGAN:
    torch.manual_seed(0)
    small = {"z_dim": 6, "width": 64, "max_width": 8, **config}
    return ProGAN(ProGAN.Config(**small), Spec((3, 16, 16)))  # type: ignore[arg-type]


def test_stages_hold_and_fade_in_turn_and_end_in_time() -> None:
    levels = [level_at(i / 10, 2, 0.8) for i in range(11)]
    assert levels == pytest.approx([0, 0, 0, 0.5, 1, 1, 1, 1.5, 2, 2, 2])
    assert level_at(0.0, 3, 1.0, first=1) == 1
    assert level_at(1.0, 3, 1.0, first=1) == 3
    assert level_at(0.375, 3, 1.0, first=1) == pytest.approx(1.5)
    assert level_at(0.3, 1, 0.8, first=1) == 1


def test_both_ends_of_a_fade_equal_the_two_sizes() -> None:
    model, z = build(), torch.randn(4, 6)
    with torch.no_grad():
        for level in (0.0, 1.0):
            torch.testing.assert_close(model.G(z, level + TINY), double(model.G(z, level)), rtol=1e-4, atol=1e-4)
            new = model.G(z, level + 1)
            torch.testing.assert_close(model.G(z, level + 1 - TINY), new, rtol=1e-4, atol=1e-4)
            half = model.G(z, level + 0.5)
            torch.testing.assert_close(half, (double(model.G(z, level)) + new) / 2, rtol=1e-4, atol=1e-5)
            x = real_at(X, level + 1, 2)
            torch.testing.assert_close(model.D(x, level + TINY), model.D(avg_pool2d(x, 2), level), rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(model.D(x, level + 1 - TINY), model.D(x, level + 1), rtol=1e-4, atol=1e-4)


def test_real_images_are_averaged_and_fade_as_generated_ones() -> None:
    assert real_at(X, 2.0, 2) is X
    torch.testing.assert_close(real_at(X, 0.0, 2)[0, 0, 0, 0], X[0, 0, :4, :4].mean())
    small = X.unflatten(3, (8, 2)).mean(4).unflatten(2, (8, 2)).mean(3)
    faded = 0.25 * X + 0.75 * small.repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(real_at(X, 1.25, 2), faded)


def test_the_losses_are_the_papers() -> None:
    model = build(drift=0.5, penalty=7.0)
    torch.manual_seed(1)
    d, g = list(model.losses({"image": X}, Progress(0, 3.0, 10.0)))  # level 0.5
    torch.manual_seed(1)
    x = real_at(X, 0.5, 2)
    with torch.no_grad():
        fake = model.G(torch.randn(4, 6), 0.5)
    x_hat = torch.lerp(fake, x, torch.rand(4, 1, 1, 1)).requires_grad_()
    model.D(x_hat, 0.5).sum().backward(inputs=[x_hat])
    assert x_hat.grad is not None
    penalty = (x_hat.grad.flatten(1).square().sum(1).sqrt() - 1).square().mean()
    with torch.no_grad():
        real, false = model.D(x, 0.5), model.D(fake, 0.5)
        torch.testing.assert_close(d.loss, false.mean() - real.mean() + 7 * penalty + 0.5 * (real**2).mean())
        torch.testing.assert_close(g.loss, -model.D(model.G(torch.randn(4, 6), 0.5), 0.5).mean())


def test_the_level_is_state_and_samples_are_full_size_at_every_level() -> None:
    model = build()
    next(model.losses({"image": X}, Progress(0, 7.0, 10.0)))
    assert model.state_dict()["level"].item() == pytest.approx(1.5)
    twin = build()
    twin.load_state_dict(model.state_dict())
    z = model.latents(2)
    assert torch.equal(twin.decode(z), model.decode(z))
    assert build().sample(2).shape == (2, 3, 16, 16)
    assert build().sample(1)[0, 0, :4, :4].unique().numel() == 1  # one pixel of 4 x 4


def test_stages_beyond_the_budget_are_refused() -> None:
    with pytest.raises(ValueError, match=r"growing is 1\.2; the stages must fit the budget"):
        build(growing=1.2)


def test_the_generator_may_have_a_rate_of_its_own() -> None:
    assert build(lr=0.01).optimizers()["generator"].defaults["lr"] == 0.01
    assert build(generator_lr=0.002).optimizers()["generator"].defaults["lr"] == 0.002
