"""RealNVP: an invertible network with the density of equation 3."""

import math

import pytest
import torch
from torch.distributions import Normal

from paragone.models.base import Progress, Spec
from paragone.models.flow.real_nvp import RealNVP

X = torch.randint(256, (2, 1, 8, 8), generator=torch.Generator().manual_seed(0)) / 127.5 - 1


def build(shape: tuple[int, int, int] = (1, 8, 8), *, noise: float = 0.05, **config: object) -> RealNVP:
    """A small model, whose weights are moved away from the identity."""
    torch.manual_seed(0)
    model = RealNVP(RealNVP.Config(**{"width": 4, "blocks": 1, "scales": 2, **config}), Spec(shape))  # type: ignore[arg-type]
    for p in model.parameters():
        p.data += noise * torch.randn_like(p)
    return model


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 16, 16)])
def test_latents_and_images_are_one_to_one(shape: tuple[int, int, int]) -> None:
    model = build(shape)
    u = torch.rand(3, *shape)
    z, _ = model.flow(u)
    assert z.shape == u.shape
    torch.testing.assert_close(model.flow.inverse(z), u, atol=1e-5, rtol=1e-4)


def test_the_density_is_equation_3_with_autograds_jacobian() -> None:
    model = build()
    torch.manual_seed(1)
    bound = model.log_likelihood_bound(X).detach()
    torch.manual_seed(1)
    u = ((X + 1) * 127.5 + torch.rand_like(X)) / 256
    for i in range(2):
        jacobian = torch.autograd.functional.jacobian(lambda v: model.flow(v[None])[0][0], u[i]).reshape(64, 64)
        log_det = torch.linalg.slogdet(jacobian.double()).logabsdet
        log_density = Normal(0, 1).log_prob(model.flow(u[i : i + 1])[0]).sum().double() + log_det
        assert float(bound[i]) == pytest.approx(float(log_density.detach()) - 64 * math.log(256), abs=1e-2)
    torch.manual_seed(1)
    (update,) = model.losses({"image": X}, Progress(0))
    assert update.loss.item() == pytest.approx(-bound.mean().item() / (64 * math.log(2)), rel=1e-5)


def test_the_flow_starts_as_the_logit_alone_and_its_first_batch_is_normalised() -> None:
    model = build(noise=0.0, scales=1)
    u = torch.rand(8, 1, 8, 8) / 8  # nearly all black, as the ground of digits
    torch.testing.assert_close(model.eval().flow(u)[0], torch.logit(0.05 + 0.9 * u))
    z, _ = model.train().flow(u)
    assert z.mean().abs() < 1e-3
    assert z.std().item() == pytest.approx(1, abs=1e-2)


def test_every_parameter_trains_and_images_are_of_256_levels() -> None:
    model = build((3, 16, 16), scales=3)
    x = torch.randint(256, (4, 3, 16, 16)) / 127.5 - 1
    next(model.losses({"image": x}, Progress(0))).loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    levels = (model.sample(4) + 1) * 127.5
    torch.testing.assert_close(levels, levels.round(), atol=1e-3, rtol=0)
    assert model.sample(4).abs().max() <= 1


def test_weight_scales_alone_decay() -> None:
    model = build()
    scales, others = model.optimizers()["flow"].param_groups
    assert (scales["weight_decay"], others["weight_decay"]) == (5e-5, 0)
    held = {id(p) for p in scales["params"]}
    names = {name.rsplit(".", 1)[-1] for name, p in model.named_parameters() if id(p) in held}
    assert names == {"original0", "scale"}


def test_temperature_scales_the_latents() -> None:
    drawn = []
    for temperature in (1.0, 0.7):
        model = build(temperature=temperature)
        torch.manual_seed(1)
        drawn.append(model.latents(50))
    torch.testing.assert_close(drawn[1], 0.7 * drawn[0])


@pytest.mark.parametrize(("key", "value"), [("scales", 0), ("alpha", 0.5), ("temperature", 0.0), ("temperature", -1.0)])
def test_what_cannot_be_is_refused(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{key} is {value}; it must"):
        build(**{key: value})


def test_a_size_that_cannot_be_halved_so_often_is_refused() -> None:
    with pytest.raises(ValueError, match="so their sides divide by 8; these are 12 x 12"):
        build((1, 12, 12), scales=4)
