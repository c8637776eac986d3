"""StyleGAN: AdaIN, growth from 8 x 8, the loss, noise, mixing, truncation."""

import pytest
import torch
from torch.nn.functional import softplus

from paragone.models.base import Progress, Spec
from paragone.models.gan.stylegan import StyleGAN
from paragone.models.layers.progressive import double, real_at

X = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
TINY = 1e-6


def build(**config: object) -> StyleGAN:
    torch.manual_seed(0)
    small = {"z_dim": 6, "w_dim": 8, "depth": 2, "width": 64, "max_width": 8, **config}
    return StyleGAN(StyleGAN.Config(**small), Spec((3, 16, 16)))  # type: ignore[arg-type]


def test_both_ends_of_a_fade_equal_the_two_sizes() -> None:
    model = build()
    w, noise = torch.randn(2, 6, 8), model._noise(2)
    with torch.no_grad():
        low, high = model.synthesis(w, noise, 1.0), model.synthesis(w, noise, 2.0)
        assert low.shape == (2, 3, 8, 8)
        torch.testing.assert_close(model.synthesis(w, noise, 1 + TINY), double(low), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(model.synthesis(w, noise, 2 - TINY), high, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(
            model.synthesis(w, noise, 1.25), 0.75 * double(low) + 0.25 * high, rtol=1e-4, atol=1e-5
        )


def test_the_losses_are_the_papers_at_the_level_of_the_budget() -> None:
    model = build(gamma=3.0, growing=0.5)
    torch.manual_seed(1)
    d, g = list(model.losses({"image": X}, Progress(0, 3.75, 10.0)))
    assert model.level.item() == 1.5
    torch.manual_seed(1)
    x = real_at(X, 1.5, 2)
    with torch.no_grad():
        fakes = [model._generate(4, 1.5) for _ in range(2)]
        loss = softplus(model.D(fakes[0], 1.5)).mean() + softplus(-model.D(x, 1.5)).mean()
        torch.testing.assert_close(g.loss, softplus(-model.D(fakes[1], 1.5)).mean())
    leaf = x.clone().requires_grad_()
    model.D(leaf, 1.5).sum().backward(inputs=[leaf])
    assert leaf.grad is not None
    torch.testing.assert_close(d.loss, loss + 1.5 * leaf.grad.square().sum((1, 2, 3)).mean())


def test_celeba_hqs_loss_is_progans() -> None:
    model = build(loss="wgan-gp", penalty=7.0, drift=0.5, growing=0.5)
    torch.manual_seed(1)
    d, g = list(model.losses({"image": X}, Progress(0, 3.75, 10.0)))  # level 1.5
    torch.manual_seed(1)
    x = real_at(X, 1.5, 2)
    with torch.no_grad():
        fake = model._generate(4, 1.5)
    x_hat = torch.lerp(fake, x, torch.rand(4, 1, 1, 1)).requires_grad_()
    model.D(x_hat, 1.5).sum().backward(inputs=[x_hat])
    assert x_hat.grad is not None
    penalty = (x_hat.grad.flatten(1).square().sum(1).sqrt() - 1).square().mean()
    with torch.no_grad():
        real, false = model.D(x, 1.5), model.D(fake, 1.5)
        torch.testing.assert_close(d.loss, false.mean() - real.mean() + 7 * penalty + 0.5 * (real**2).mean())
        torch.testing.assert_close(g.loss, -model.D(model._generate(4, 1.5), 1.5).mean())


def test_each_layer_follows_its_own_style() -> None:
    model = build()
    w, noise = torch.randn(2, 6, 8), model._noise(2)
    before = model.synthesis(w, noise, 2.0)
    for i in range(6):
        changed = w.clone()
        changed[:, i] += 1
        assert not torch.allclose(model.synthesis(changed, noise, 2.0), before, atol=1e-4)
    assert torch.equal(model.synthesis(w, -noise, 2.0), before)  # its strength starts from 0
    for layer in model.synthesis.layers:
        layer.noise.strength.data.fill_(1.0)  # type: ignore[union-attr, operator]
    assert not torch.equal(model.synthesis(w, -noise, 2.0), model.synthesis(w, noise, 2.0))


def test_truncation_pulls_towards_the_running_mean_of_w() -> None:
    model = build(w_decay=0.5, truncation=0.0)
    torch.manual_seed(1)
    model._generate(64, 1.0)
    torch.manual_seed(1)
    w1 = model.mapping(torch.randn(128, 6))[:64]
    torch.testing.assert_close(model.w_mean, w1.detach().mean(0) / 2)
    z, noise = model.latents(2)
    images = model.decode((z, noise[:1].expand(2, -1)))
    assert torch.equal(images[0], images[1])
    with pytest.raises(ValueError, match="never moves from 0"):
        build(truncation=0.7, w_decay=1.0)


def test_styles_of_others_act_in_their_layers_alone() -> None:
    model = build()
    model.level.fill_(2)
    z, other = model.latents(2), model.latents(2)
    assert torch.equal(model.mixed(z, other, 0.0, 0.0), model.decode(z))
    torch.testing.assert_close(model.mixed(z, other, 0.0, 1.0), model.decode((other[0], z[1])))
    w, w2 = model.mapping(z[0]), model.mapping(other[0])
    styles = torch.stack([w, w, w2, w2, w, w], 1)  # the middle third of six layers
    torch.testing.assert_close(model.mixed(z, other, 1 / 3, 2 / 3), model.synthesis(styles, z[1], 2.0).clamp(-1, 1))


def test_the_generator_may_have_a_rate_of_its_own() -> None:
    assert build(lr=0.01).optimizers()["generator"].defaults["lr"] == 0.01
    assert build(generator_lr=0.002).optimizers()["generator"].defaults["lr"] == 0.002
