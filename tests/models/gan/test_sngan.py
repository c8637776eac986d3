"""SNGAN: what spectral normalisation does to every layer, the hinge, the order of updates."""

import copy

import pytest
import torch
from torch import nn

from paragone.models.base import Progress, Spec
from paragone.models.gan.sngan import SNGAN

X = torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


def build(shape: tuple[int, int, int] = (3, 32, 32), **config: object) -> SNGAN:
    torch.manual_seed(0)
    return SNGAN(SNGAN.Config(**{"width": 16, **config}), Spec(shape))  # type: ignore[arg-type]


def layers(model: SNGAN) -> list[nn.Module]:
    return [m for m in model.D.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


@pytest.mark.parametrize("network", ["resnet", "conv"])
def test_every_layer_of_the_discriminator_and_none_of_the_generator_is_normalised(network: str) -> None:
    model = build(network=network)
    for m in layers(model):
        m.parametrizations.weight.original.data.mul_(7)  # type: ignore[union-attr, operator]
    for _ in range(200):  # power iterations
        model.D(X)
    model.eval()
    for m in layers(model):
        sigma = torch.linalg.svdvals(m.weight.detach().flatten(1).double())[0]
        assert sigma.item() == pytest.approx(1, abs=0.02)
    assert not any(hasattr(m, "parametrizations") for m in model.G.modules())


def test_the_vectors_of_the_power_iterations_are_state() -> None:
    model = build().train()
    twin = copy.deepcopy(model)
    model.D(X)
    twin.load_state_dict(model.state_dict())
    assert sum(k.endswith(".u") for k in model.state_dict()) == len(layers(model))
    assert torch.equal(model.D(X), twin.D(X))


def test_the_losses_are_the_hinge() -> None:
    model = build(n_dis=1).eval()  # in evaluation mode neither the power iteration nor the statistics move
    torch.manual_seed(1)
    first, second = model.losses({"image": X}, Progress(0))
    torch.manual_seed(1)
    fakes = [model.sample(len(X)) for _ in range(2)]
    real, fake = model.D(X).flatten().tolist(), model.D(fakes[0]).flatten().tolist()
    expected = sum(max(0, 1 - r) for r in real) / 6 + sum(max(0, 1 + f) for f in fake) / 6
    assert first.loss.item() == pytest.approx(expected, rel=1e-4)
    torch.testing.assert_close(second.loss, -model.D(fakes[1]).sum() / 6)
    assert all(g is None for g in torch.autograd.grad(first.loss, list(model.G.parameters()), allow_unused=True))


def test_the_generator_is_updated_after_every_fifth_update_of_the_discriminator() -> None:
    model = build(network="conv")
    orders = [[u.optimizer for u in model.losses({"image": X}, Progress(step))] for step in range(10)]
    assert orders == ([["discriminator"]] * 4 + [["discriminator", "generator"]]) * 2


def test_the_optimisers_are_the_papers() -> None:
    for optimizer in build().optimizers().values():
        assert optimizer.defaults["lr"] == 2e-4
        assert optimizer.defaults["betas"] == (0.0, 0.9)


@pytest.mark.parametrize(("key", "value"), [("width", 0), ("width", 6), ("n_dis", 0)])
def test_sizes_that_cannot_be_are_refused(key: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{key} is {value}; it must be"):
        build(**{key: value})


def test_the_generator_may_have_a_rate_of_its_own() -> None:
    rates = {name: o.defaults["lr"] for name, o in build(generator_lr=1e-3).optimizers().items()}
    assert rates == {"discriminator": 0.0002, "generator": 1e-3}
