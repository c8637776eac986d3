"""VQGAN: the adaptive weight, the late start of the adversary, and the perceptual distance."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, relu

from paragone.models.base import Progress, Spec
from paragone.models.vq.vqgan import VQGAN, perceptual_distance

X = torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


class Maps(nn.Module):
    """Two feature maps of an image."""

    def forward(self, x: Tensor) -> list[Tensor]:
        return [torch.cat([x, x**2 + 1], 1), torch.cat([x, 1 - x], 1)[:, :, ::2, ::2]]


def build(features: nn.Module | None = None, shape: tuple[int, int, int] = (1, 16, 16), **config: object) -> VQGAN:
    torch.manual_seed(0)
    small = {"width": 8, "multipliers": (1, 2, 2), "blocks": 1, "codes": 6, "dim": 4, "d_width": 4, "d_layers": 1}
    model = VQGAN(VQGAN.Config(**{**small, **config}), Spec(shape), features=features)  # type: ignore[arg-type]
    model.quantizer.codebook.data.normal_()
    return model


@pytest.mark.parametrize("features", [None, Maps()])
def test_before_the_start_the_loss_is_equation_4(features: nn.Module | None) -> None:
    model = build(features, start=0.5)
    (update,) = model.losses({"image": X}, Progress(0, 0.4, 1.0))
    z = model.encoder(X)
    indices = (z[:, None] - model.quantizer.codebook[None, :, :, None, None]).square().sum(2).argmin(1)
    e = model.quantizer.codebook[indices].movedim(-1, 1)
    image = model.decoder(e)
    reconstruction = (image - X).abs().mean()
    if features is not None:
        reconstruction = reconstruction + perceptual_distance(features, X, image)
    torch.testing.assert_close(update.loss, reconstruction + 1.25 * mse_loss(z, e))
    assert update.optimizer == "autoencoder"


def test_after_the_start_the_adversary_weighs_as_equation_7_says() -> None:
    model = build(start=0.5).eval()
    first, second = model.losses({"image": X}, Progress(0, 0.5, 1.0))
    z = model.encoder(X)
    straight, e, _ = model.quantizer(z)
    image = model.decoder(straight)
    reconstruction, adversary = (image - X).abs().mean(), -model.D(image).mean()
    last = model.decoder[-1].weight
    norms = [
        torch.autograd.grad(v, last, retain_graph=True)[0].square().sum().sqrt() for v in (reconstruction, adversary)
    ]
    weight = norms[0] / (norms[1] + 1e-4)
    torch.testing.assert_close(first.logs["lambda"], weight.detach())
    expected = reconstruction + 0.25 * mse_loss(z, e.detach()) + mse_loss(e, z.detach()) + 0.8 * weight * adversary
    torch.testing.assert_close(first.loss, expected)
    real, fake = model.D(X), model.D(image)
    torch.testing.assert_close(second.loss, relu(1 - real).mean() + relu(1 + fake).mean())
    assert second.optimizer == "discriminator"


def test_the_perceptual_distance_by_hand() -> None:
    x, y = torch.randn(2, 1, 2, 2), torch.randn(2, 1, 2, 2)
    expected = 0.0
    for a, b in zip(Maps()(x), Maps()(y), strict=True):
        a, b = (v / v.square().sum(1, keepdim=True).sqrt() for v in (a, b))
        expected += (a - b).square().sum(1).mean()
    torch.testing.assert_close(perceptual_distance(Maps(), x, y), torch.as_tensor(expected))
    assert float(perceptual_distance(Maps(), x, x)) == 0


def test_codes_decode_to_reconstructions_and_a_prior_may_have_it_for_its_vq_vae() -> None:
    model = build(None, (3, 16, 16)).eval()
    x = torch.rand(2, 3, 16, 16) * 2 - 1
    codes = model.encode(x)
    assert codes.shape == (2, *model.grid)
    assert model.grid == (4, 4)
    torch.testing.assert_close(model.decode(codes), model.reconstruct(x))
    assert torch.equal(model.codes(x), codes)


def test_every_parameter_trains() -> None:
    model = build(start=0.0)
    for update in model.losses({"image": X}, Progress(0, 0.0, 1.0)):
        held = [p for g in model.optimizers()[update.optimizer].param_groups for p in g["params"]]
        assert all(g.isfinite().all() for g in torch.autograd.grad(update.loss, held))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="codes is 1; it must be at least 2"):
        build(codes=1)
    with pytest.raises(ValueError, match=r"restart is 0\.5, but codes are restarted with ema only"):
        build(restart=0.5)
    with pytest.raises(ValueError, match="whose sides divide by 4, not 18 x 18"):
        build(None, (1, 18, 18))


def test_without_quantisation_it_is_an_autoencoder_with_an_adversary() -> None:
    model = build(quantize=False, start=0.5, ema=True)
    assert model.capabilities == {"reconstruct"}
    (update,) = model.losses({"image": X}, Progress(0, 0.4, 1.0))
    assert update.loss.item() == pytest.approx((model.reconstruct(X) - X).abs().mean().item(), rel=1e-3)
    assert len(list(model.losses({"image": X}, Progress(0, 0.6, 1.0)))) == 2
    assert model.sample(2).shape == (2, 1, 16, 16)
