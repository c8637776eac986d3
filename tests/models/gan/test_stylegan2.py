"""StyleGAN2: losses and their order, the regularisers, truncation, noise, style mixing."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import softplus

from paragone.models.base import Progress, Spec
from paragone.models.gan.stylegan2 import StyleGAN2

X = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def build(**config: object) -> StyleGAN2:
    torch.manual_seed(0)
    small = {"z_dim": 8, "w_dim": 8, "depth": 2, "width": 64, "max_width": 8, **config}
    return StyleGAN2(StyleGAN2.Config(**small), Spec((3, 16, 16)))  # type: ignore[arg-type]


def test_the_updates_come_in_the_authors_order_and_the_regularisers_are_lazy() -> None:
    model = build()
    orders = [[u.optimizer[0] for u in model.losses({"image": X}, Progress(step))] for step in range(17)]
    assert orders[0] == orders[16] == ["g", "g", "d", "d"]
    assert orders[4] == orders[8] == orders[12] == ["g", "g", "d"]
    assert all(orders[i] == ["g", "d"] for i in range(16) if i % 4)
    assert sum(u.drawn for u in model.losses({"image": X}, Progress(0))) == 4 + 2 + 4


def test_losses_and_r1_are_the_papers() -> None:
    model = build(path_weight=0.0, gamma=3.0)
    torch.manual_seed(1)
    g, d, r1 = list(model.losses({"image": X}, Progress(0)))
    torch.manual_seed(1)
    with torch.no_grad():
        fakes = [model.synthesis(model._styles(4), model._noise(4)) for _ in range(2)]
        torch.testing.assert_close(g.loss, softplus(-model.D(fakes[0])).mean())
        torch.testing.assert_close(d.loss, softplus(model.D(fakes[1])).mean() + softplus(-model.D(X)).mean())
    x = X.clone().requires_grad_()
    model.D(x).sum().backward(inputs=[x])
    assert x.grad is not None
    norms = torch.stack([grad.square().sum() for grad in x.grad])
    torch.testing.assert_close(r1.loss, 16 * 3.0 / 2 * norms.mean())


def test_the_path_length_is_that_of_the_synthesis_network() -> None:
    """Its gradient by autograd equals the Jacobian, computed row by row."""
    model = build()
    w = model._styles(1).detach()
    noise = model._noise(1)

    def synthesis(w: Tensor) -> Tensor:
        return model.synthesis(w, noise)

    torch.manual_seed(2)
    length = model.path.lengths(synthesis, w.clone())
    torch.manual_seed(2)
    y = torch.randn(1, 3, 16, 16) / 16
    jacobian = torch.autograd.functional.jacobian(lambda w: (synthesis(w) * y).sum(), w)
    torch.testing.assert_close(length, jacobian.square().sum(2).mean(1).sqrt())


def test_truncation_pulls_towards_the_mean_of_w_which_is_a_buffer() -> None:
    model = build(w_decay=0.5)
    torch.manual_seed(1)
    model._styles(64)
    torch.manual_seed(1)
    w1 = model.mapping(torch.randn(128, 8))[:64]
    torch.testing.assert_close(model.w_mean, w1.detach().mean(0) / 2)
    assert "w_mean" in model.state_dict()
    assert "path.mean" in model.state_dict()
    still = build(truncation=0.0)
    (z, noise) = still.latents(3)
    same = still.decode((z, noise[:1].expand(3, -1)))
    assert torch.equal(same[0], same[1])


def test_styles_of_others_act_in_their_layers_alone() -> None:
    model = build()
    z, other = model.latents(2), model.latents(2)
    assert torch.equal(model.mixed(z, other, 0.0, 0.0), model.decode(z))
    torch.testing.assert_close(model.mixed(z, other, 0.0, 1.0), model.decode((other[0], z[1])))
    w, w2 = model.mapping(z[0]), model.mapping(other[0])
    styles = torch.stack([w, w, w2, w2, w, w], 1)  # the middle third of six layers
    torch.testing.assert_close(model.mixed(z, other, 1 / 3, 2 / 3), model.synthesis(styles, z[1]).clamp(-1, 1))


def test_noise_acts_once_its_strength_is_not_zero() -> None:
    model = build()
    z, noise = model.latents(2)
    assert torch.equal(model.decode((z, noise)), model.decode((z, -noise)))
    for conv in model.synthesis.convs:
        conv.noise.strength.data.fill_(1.0)  # type: ignore[union-attr, operator]
    assert not torch.equal(model.decode((z, noise)), model.decode((z, -noise)))


def test_each_size_adds_its_colours_and_layers_follow_their_styles() -> None:
    model = build()
    w, noise = model._styles(2).detach(), model._noise(2)
    assert model.synthesis.layers == 6
    assert model.synthesis.noises == 16 + 2 * 64 + 2 * 256
    changed = w.clone()
    changed[:, -1] += 1
    before, after = model.synthesis(w, noise), model.synthesis(changed, noise)
    features = list(model.synthesis.rgb)
    assert len(features) == 3
    for rgb in features[:-1]:
        rgb.bias.data.add_(1.0)  # type: ignore[union-attr, operator]
    assert (before - after).abs().max() > 1e-3  # the last style drives the last colours alone
    shifted = model.synthesis(w, noise) - before
    assert shifted[:, :, 8, 8].sub(2).abs().max() < 1e-4  # the lower sizes are added, doubled, on top


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"truncation": 1.5}, "truncation is 1.5"),
        ({"truncation": 0.5, "w_decay": 1.0}, "never moves from 0"),
        ({"mixing": -1}, "mixing is -1"),
        ({"r1_every": 0}, "r1_every is 0"),
    ],
)
def test_bad_settings_are_refused(config: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**config)


def test_the_generator_may_have_a_rate_of_its_own() -> None:
    assert build(lr=0.01, path_weight=0.0).optimizers()["generator"].defaults["lr"] == 0.01
    assert build(generator_lr=0.002, path_weight=0.0).optimizers()["generator"].defaults["lr"] == 0.002
    with_paths = build(generator_lr=0.002, path_every=4).optimizers()["generator"]
    assert with_paths.defaults["lr"] == pytest.approx(0.002 * 4 / 5)  # lazy regularisation
