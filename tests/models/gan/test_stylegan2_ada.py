"""StyleGAN2-ADA: the discriminator sees augmented images alone, and p follows r_t."""

import pytest
import torch
from torch.nn.functional import softplus

from paragone.models.base import Progress, Spec
from paragone.models.gan.stylegan2_ada import StyleGAN2ADA

X = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def build(shape: tuple[int, int, int] = (3, 16, 16), **config: object) -> StyleGAN2ADA:
    torch.manual_seed(0)
    small = {"z_dim": 8, "w_dim": 8, "depth": 2, "width": 64, "max_width": 8, **config}
    return StyleGAN2ADA(StyleGAN2ADA.Config(**small), Spec(shape))  # type: ignore[arg-type]


def test_the_losses_are_those_of_augmented_images() -> None:
    model = build(p=0.8, path_weight=0.0, gamma=3.0)
    torch.manual_seed(1)
    g, d, r1 = list(model.losses({"image": X}, Progress(0)))
    torch.manual_seed(1)
    with torch.no_grad():
        fake = model._augment(model.synthesis(model._styles(4), model._noise(4)))
        torch.testing.assert_close(g.loss, softplus(-model.D(fake)).mean())
        fake = model._augment(model.synthesis(model._styles(4), model._noise(4)))
        x = model._augment(X)
        assert not torch.allclose(x, X, atol=0.1)
        torch.testing.assert_close(d.loss, softplus(model.D(fake)).mean() + softplus(-model.D(x)).mean())
    leaf = x.clone().requires_grad_()
    model.D(leaf).sum().backward(inputs=[leaf])
    assert leaf.grad is not None
    torch.testing.assert_close(r1.loss, 16 * 1.5 * leaf.grad.square().sum((1, 2, 3)).mean())


def test_p_rises_on_overfitting_and_falls_without_it() -> None:
    model = build(adapt_every=4, ramp=0.5, target=0.6)
    sure, unsure = torch.ones(10, 1), torch.tensor([[1.0], [-1.0]]).repeat(5, 1)
    for step in range(1, 5):
        model._adapt(sure, Progress(step, step * 0.01, 1.0))
        assert model.p.item() == pytest.approx(0.0 if step < 4 else 4 * 0.01 / 0.5)
    assert not model.signs.any()
    for step in range(5, 13):
        model._adapt(unsure, Progress(step, step * 0.01, 1.0))
    assert model.p.item() == 0.0  # down once, then held at 0
    assert {"p", "signs"} <= set(model.state_dict())


def test_p_rises_from_0_to_1_in_a_ramp() -> None:
    model = build(ramp=0.02)
    steps = 1000
    for step in range(steps + 1):
        model._adapt(torch.ones(2, 1), Progress(step, step * 0.064, 64.0 * 50))
    assert model.p.item() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"target": 1.2}, r"target is 1\.2; it must lie in \[0, 1\]"),
        ({"ramp": 0.0}, "ramp is 0.0; it must be positive"),
        ({"augment": ("wavelet",)}, "augment names 'wavelet'"),
    ],
)
def test_bad_settings_are_refused(config: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**config)


def test_images_of_two_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="these have 2 channels"):
        build((2, 16, 16))


def test_the_generator_may_have_a_rate_of_its_own() -> None:
    assert build(lr=0.01, path_weight=0.0).optimizers()["generator"].defaults["lr"] == 0.01
    assert build(generator_lr=0.002, path_weight=0.0).optimizers()["generator"].defaults["lr"] == 0.002
    with_paths = build(generator_lr=0.002, path_every=4).optimizers()["generator"]
    assert with_paths.defaults["lr"] == pytest.approx(0.002 * 4 / 5)  # lazy regularisation
