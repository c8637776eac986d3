"""LSGAN: the targets of eq. 2, figure 2's generator, the authors' hyper-parameters."""

from typing import Any

import pytest
import torch
from torch import nn

from paragone.models.base import Progress, Spec
from paragone.models.gan.lsgan import LSGAN, Generator

X = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def build(shape: tuple[int, int, int] = (3, 16, 16), **config: object) -> LSGAN:
    torch.manual_seed(0)
    return LSGAN(LSGAN.Config(**{"width": 4, "z_dim": 8, **config}), Spec(shape))  # type: ignore[arg-type]


@pytest.mark.parametrize(("a", "b", "c"), [(0.0, 1.0, 1.0), (-1.0, 1.0, 0.0), (0.3, 2.0, -0.5)])
def test_the_losses_are_the_squared_distances_to_the_targets(a: float, b: float, c: float) -> None:
    model = build(a=a, b=b, c=c).eval()  # the statistics of batch normalisation do not move
    torch.manual_seed(1)
    first, second = model.losses({"image": X}, Progress(0))
    torch.manual_seed(1)
    real, fake = (model.D(images).flatten().tolist() for images in (X, model.sample(6)))
    expected = sum((r - b) ** 2 for r in real) / 12 + sum((f - a) ** 2 for f in fake) / 12
    assert (first.optimizer, second.optimizer) == ("discriminator", "generator")
    assert first.loss.item() == pytest.approx(expected, rel=1e-5)
    assert second.loss.item() == pytest.approx(sum((f - c) ** 2 for f in fake) / 12, rel=1e-5)


def test_the_default_targets_are_those_of_eq_9() -> None:
    assert (LSGAN.Config().a, LSGAN.Config().b, LSGAN.Config().c) == (0, 1, 1)


def test_each_update_reaches_its_own_network_alone() -> None:
    model = build()
    updates = model.losses({"image": X}, Progress(0))
    first = next(updates)
    assert all(g is None for g in torch.autograd.grad(first.loss, list(model.G.parameters()), allow_unused=True))
    assert all(g.abs().sum() > 0 for g in torch.autograd.grad(next(updates).loss, list(model.G.parameters()))[:1])


def test_real_and_generated_images_are_normalised_apart() -> None:
    model = build()
    seen: list[int] = []
    model.D.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    list(model.losses({"image": X}, Progress(0)))
    assert seen == [6, 6, 6]


def test_with_four_doublings_the_generator_is_that_of_figure_2() -> None:
    ups = [m for m in Generator(1024, (3, 64, 64), 64).modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [(m.in_channels, m.out_channels, m.stride[0]) for m in ups] == [
        *((256, 256, 2), (256, 256, 1), (256, 256, 2), (256, 256, 1)),
        *((256, 128, 2), (128, 64, 2), (64, 3, 1)),
    ]
    assert {m.kernel_size for m in ups} == {(3, 3)}


@pytest.mark.parametrize("network", ["vgg", "dcgan"])
@pytest.mark.parametrize("shape", [(1, 16, 16), (1, 32, 32), (3, 64, 64)])
def test_both_generators_fit_the_image(shape: tuple[int, int, int], network: str) -> None:
    x = build(shape, network=network).sample(2)
    assert x.shape == (2, *shape)
    assert x.abs().max() <= 1


def test_samples_are_decoded_latents() -> None:
    model = build().eval()
    torch.manual_seed(2)
    x = model.sample(3)
    torch.manual_seed(2)
    z = model.latents(3)
    assert z.shape == (3, 8)
    assert z.abs().max() <= 1
    assert z.min() < 0
    torch.testing.assert_close(model.decode(z), x)


def test_the_optimisers_are_the_authors() -> None:
    for optimizer in build().optimizers().values():
        assert optimizer.defaults["lr"] == 1e-3
        assert optimizer.defaults["betas"] == (0.5, 0.999)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"z_dim": 0}, "z_dim is 0; it must be at least 1"),
        ({"width": -4}, "width is -4; it must be at least 1"),
        ({"a": 1.0}, "a and b are both 1.0; the targets of generated and real images must differ"),
    ],
)
def test_settings_that_cannot_be_are_refused(config: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        build(**config)


@pytest.mark.parametrize("network", ["vgg", "dcgan"])
def test_a_size_that_does_not_halve_to_4_is_refused(network: str) -> None:
    with pytest.raises(ValueError, match="28 x 28 pixels do not fit"):
        build((1, 28, 28), network=network)
