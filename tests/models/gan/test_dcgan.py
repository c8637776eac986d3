"""DCGAN: the paper's architecture rules, initialisation and losses."""

import pytest
import torch
from torch import nn

from paragone.models.base import Progress, Spec
from paragone.models.gan.dcgan import DCGAN


def build(shape: tuple[int, int, int] = (1, 32, 32), width: int = 4, **config: object) -> DCGAN:
    torch.manual_seed(0)
    return DCGAN(DCGAN.Config(width=width, **config), Spec(shape))  # type: ignore[arg-type]


@pytest.mark.parametrize("kernel", [4, 5])
@pytest.mark.parametrize("shape", [(1, 16, 16), (1, 32, 32), (3, 64, 64), (3, 128, 128)])
def test_networks_fit_the_image(shape: tuple[int, int, int], kernel: int) -> None:
    model = build(shape, 2, kernel=kernel)
    x = model.sample(3)
    assert x.shape == (3, *shape)
    assert x.abs().max() <= 1
    assert model.D(x).shape == (3, 1)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 64), (1, 8, 8)])
def test_other_sizes_are_refused_in_one_sentence(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="set the data set's resolution to a power of two from 16 up"):
        build(shape)


def test_at_64_pixels_the_generator_is_that_of_figure_1() -> None:
    model = build((3, 64, 64), 128)
    ups = [m for m in model.G.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [(m.in_channels, m.out_channels) for m in ups] == [(1024, 512), (512, 256), (256, 128), (128, 3)]
    assert {m.kernel_size for m in ups} == {(5, 5)}
    assert model.G.project.out_features == 1024 * 4 * 4


def test_batch_normalisation_leaves_out_the_generators_output_and_the_discriminators_input() -> None:
    model = build()
    generator = [type(m).__name__ for m in model.G.layers]
    discriminator = [type(m).__name__ for m in model.D.layers]
    assert generator == ["BatchNorm2d", "ReLU", "ConvTranspose2d"] * 3
    assert discriminator == ["Conv2d", "LeakyReLU", *["Conv2d", "BatchNorm2d", "LeakyReLU"] * 2, "Conv2d", "Flatten"]


def test_weights_start_from_a_narrow_normal_distribution() -> None:
    model = build(width=32)
    for m in model.modules():
        if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.Linear) and m.weight.numel() > 1000:
            assert m.weight.std().item() == pytest.approx(0.02, rel=0.1)
        if isinstance(m, nn.BatchNorm2d):
            assert m.weight.mean().item() == pytest.approx(1, abs=0.02)


def test_losses_are_the_non_saturating_game() -> None:
    model, x = build(), torch.rand(8, 1, 32, 32) * 2 - 1
    torch.manual_seed(1)
    updates = list(model.losses({"image": x}, Progress(0)))
    torch.manual_seed(1)
    fake = model.sample(8)
    d_real, d_fake = model.D(x).sigmoid(), model.D(fake).sigmoid()
    assert [u.optimizer for u in updates] == ["discriminator", "generator"]
    torch.testing.assert_close(updates[0].loss, -(d_real.log().mean() + (1 - d_fake).log().mean()))
    torch.testing.assert_close(updates[1].loss, -d_fake.log().mean())


def test_the_discriminators_update_does_not_reach_the_generator() -> None:
    model = build()
    first = next(model.losses({"image": torch.rand(8, 1, 32, 32)}, Progress(0)))
    assert all(g is None for g in torch.autograd.grad(first.loss, list(model.G.parameters()), allow_unused=True))


def test_the_optimisers_are_the_papers() -> None:
    for optimizer in build().optimizers().values():
        assert optimizer.defaults["lr"] == 2e-4
        assert optimizer.defaults["betas"] == (0.5, 0.999)


def test_other_optimisers_can_stand_in_for_comparison() -> None:
    kinds = {name: {type(o) for o in build(optimizer=name).optimizers().values()} for name in ("rmsprop", "sgd")}
    assert kinds == {"rmsprop": {torch.optim.RMSprop}, "sgd": {torch.optim.SGD}}
    assert build(optimizer="sgd").optimizers()["generator"].defaults["momentum"] == 0.5
