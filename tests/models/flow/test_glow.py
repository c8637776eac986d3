"""Glow: its three layers, and the density of the whole."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal
from torch.nn.functional import conv2d, pad

from paragone.models.base import Progress, Spec
from paragone.models.flow.glow import AffineCoupling, Convolution1x1, EdgeConv, Glow
from paragone.models.layers import flow

X = torch.randint(256, (4, 1, 8, 8), generator=torch.Generator().manual_seed(0)) / 127.5 - 1


def build(shape: tuple[int, int, int] = (1, 8, 8), **config: object) -> Glow:
    """A small model after its first batch, whose weights are moved away from where they start."""
    torch.manual_seed(0)
    model = Glow(Glow.Config(**{"levels": 2, "steps": 2, "width": 6, **config}), Spec(shape))  # type: ignore[arg-type]
    model.log_likelihood_bound(torch.randint(256, (8, *shape)) / 127.5 - 1)
    for p in model.parameters():
        p.data += 0.03 * torch.randn_like(p)
    return model.eval()


def log_det(layer: torch.nn.Module, x: Tensor) -> Tensor:
    """Of autograd's Jacobian of the first output, for one image x (C,H,W)."""
    jacobian = torch.autograd.functional.jacobian(lambda v: layer(v[None])[0][0], x)
    return torch.linalg.slogdet(jacobian.reshape(x.numel(), x.numel()).double()).logabsdet


@pytest.mark.parametrize("kind", ["actnorm", "convolution", "coupling"])
def test_layers_invert_and_know_their_determinants(kind: str) -> None:
    torch.manual_seed(0)
    layers = {"actnorm": flow.ActNorm(4), "convolution": Convolution1x1(4), "coupling": AffineCoupling(4, 5)}
    layer: flow.Bijection = layers[kind].eval()
    for p in layer.parameters():
        p.data += 0.2 * torch.randn_like(p)
    x = torch.randn(2, 4, 3, 3)
    y, found = layer(x)
    torch.testing.assert_close(layer.inverse(y), x, atol=1e-5, rtol=1e-4)
    for i in range(2):
        torch.testing.assert_close(found[i].double(), log_det(layer, x[i]), atol=1e-4, rtol=1e-4)


def test_the_1x1_convolution_starts_as_a_rotation() -> None:
    torch.manual_seed(0)
    w = Convolution1x1(6).weight()
    torch.testing.assert_close(w @ w.T, torch.eye(6), atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 16, 16)])
def test_latents_and_images_are_one_to_one(shape: tuple[int, int, int]) -> None:
    model = build(shape)
    x = torch.randint(256, (3, *shape)) / 127.5 - 1
    z, _ = model(((x + 1) * 127.5 + 0.5) / 256 - 0.5)  # the middle of each level's bin
    torch.testing.assert_close(model.decode(z), x, atol=1e-5, rtol=0)


def test_the_density_has_autograds_determinant() -> None:
    model = build()
    torch.manual_seed(1)
    bound = model.log_likelihood_bound(X).detach()
    torch.manual_seed(1)
    v = ((X + 1) * 127.5 + torch.rand_like(X)) / 256 - 0.5
    for i in range(2):
        z = model(v[i : i + 1])[0].detach()
        expected = Normal(0, 1).log_prob(z).sum().double() + log_det(model, v[i])
        assert float(bound[i]) == pytest.approx(float(expected) - 64 * math.log(256), abs=1e-2)
    torch.manual_seed(1)
    (update,) = model.losses({"image": X}, Progress(0))
    assert update.loss.item() == pytest.approx(-bound.mean().item() / (64 * math.log(2)), rel=1e-5)


def test_a_convolution_that_sees_edges_has_one_channel_more() -> None:
    torch.manual_seed(0)
    conv, x = EdgeConv(2, 3), torch.randn(4, 2, 5, 6)
    torch.nn.init.normal_(conv.edge)
    padded = torch.cat([pad(x, (1, 1, 1, 1)), pad(torch.zeros(4, 1, 5, 6), (1, 1, 1, 1), value=1.0)], 1)
    expected = conv2d(padded, torch.cat([conv.weight, conv.edge], 1), conv.bias)
    torch.testing.assert_close(conv(x), expected, atol=1e-5, rtol=1e-5)


def test_images_of_fewer_bits() -> None:
    """Of 3 bits the flow sees level // 32 with noise of its own; its bound is over 8 levels, and no bits of 256."""
    model = build(bits=3)
    assert "log_likelihood_bound" not in model.capabilities
    torch.manual_seed(1)
    (update,) = model.losses({"image": X}, Progress(0))
    torch.manual_seed(1)
    torch.rand_like(X)  # the noise of 8 bits, which is discarded
    levels = ((X + 1) * 127.5).round() // 32
    z, log_det = model((levels + torch.rand_like(X)) / 8 - 0.5)
    log_p = Normal(0, 1).log_prob(z).flatten(1).sum(1) + log_det - 64 * math.log(8)
    assert update.loss.item() == pytest.approx(-log_p.mean().item() / (64 * math.log(2)), rel=1e-4)
    shown = ((model.sample(3) + 1) * 127.5).round()
    assert set(shown.flatten().tolist()) <= {0, 32, 64, 96, 128, 160, 192, 224, 255}  # above the highest bin: white


def test_temperature_scales_the_latents() -> None:
    torch.manual_seed(0)
    assert float(build(temperature=0.7).latents(200).std()) == pytest.approx(0.7, abs=0.02)


def test_every_parameter_trains() -> None:
    model = build((3, 16, 16)).train()
    next(model.losses({"image": torch.randint(256, (4, 3, 16, 16)) / 127.5 - 1}, Progress(0))).loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(
    ("key", "value"), [("levels", 0), ("steps", 0), ("bits", 9), ("temperature", 0.0), ("temperature", -1.0)]
)
def test_what_cannot_be_is_refused(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{key} is {value}; it must"):
        build(**{key: value})


def test_a_size_that_cannot_be_halved_so_often_is_refused() -> None:
    with pytest.raises(ValueError, match="so their sides divide by 8; these are 12 x 12"):
        build((1, 12, 12), levels=3)
