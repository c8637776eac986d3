"""The original GAN: its two games, its networks."""

import pytest
import torch

from paragone.models.base import Progress, Spec
from paragone.models.gan.gan import GAN

SPEC = Spec((1, 16, 16))
X = torch.rand(6, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
SMALL = {"hidden": 16, "units": 8, "pieces": 3, "dropout": 0.0, "dropout_input": 0.0}


@pytest.mark.parametrize("loss", ["non-saturating", "minimax"])
def test_losses_are_the_games_of_the_paper(loss: str) -> None:
    model = GAN(GAN.Config(loss=loss, **SMALL), SPEC)
    torch.manual_seed(1)
    updates = list(model.losses({"image": X}, Progress(1)))
    torch.manual_seed(1)
    fake = model.sample(len(X))
    d_real, d_fake = model.D((X + 1) / 2).sigmoid(), model.D((fake + 1) / 2).sigmoid()
    generator = (1 - d_fake).log().mean() if loss == "minimax" else -d_fake.log().mean()
    assert [u.optimizer for u in updates] == ["discriminator", "generator"]
    torch.testing.assert_close(updates[0].loss, -(d_real.log().mean() + (1 - d_fake).log().mean()))
    torch.testing.assert_close(updates[1].loss, generator)


def test_the_discriminators_update_does_not_reach_the_generator() -> None:
    model = GAN(GAN.Config(**SMALL), SPEC)
    first = next(model.losses({"image": X}, Progress(1)))
    grads = torch.autograd.grad(first.loss, list(model.G.parameters()), allow_unused=True)
    assert all(g is None for g in grads)


def test_the_generator_starts_at_the_mean_image_of_the_first_batch() -> None:
    model = GAN(GAN.Config(**SMALL), SPEC)
    updates = model.losses({"image": X}, Progress(0))
    first = next(updates)
    first.loss.backward(inputs=[model.mean])
    model.optimizers()["start"].step()
    with torch.no_grad():
        model.G[-1].weight.zero_()
        torch.testing.assert_close(model.sample(2)[1], X.mean(0))
    assert [u.optimizer for u in updates] == ["discriminator", "generator"]


def test_the_defaults_are_the_authors_networks() -> None:
    model = GAN(GAN.Config(), Spec((1, 28, 28)))  # 28 px: fully connected networks take any size
    generator = 100 * 1200 + 1200 + 1200 * 1200 + 1200 + 1200 * 784 + 784
    discriminator = 784 * 1200 + 1200 + 240 * 1200 + 1200 + 240 + 1
    assert sum(p.numel() for p in model.G.parameters()) == generator
    assert sum(p.numel() for p in model.D.parameters()) == discriminator


def test_each_optimiser_holds_its_own_network() -> None:
    model = GAN(GAN.Config(**SMALL), SPEC)
    held = {name: {id(p) for g in o.param_groups for p in g["params"]} for name, o in model.optimizers().items()}
    assert held["start"] == {id(model.mean)}
    assert held["generator"] == {id(p) for p in model.G.parameters()}
    assert held["discriminator"] == {id(p) for p in model.D.parameters()}


def test_samples_of_colour_images() -> None:
    x = GAN(GAN.Config(**SMALL), Spec((3, 64, 64))).sample(2)
    assert x.shape == (2, 3, 64, 64)
    assert x.abs().max() <= 1


def test_settings_of_other_papers():
    """Any tanh layers of the generator, and Adam at a rate for each network."""
    cfg = GAN.Config(**SMALL, layers=(6, 5), optimizer="adam", lr=1e-3, generator_lr=1e-4)
    model = GAN(cfg, Spec((1, 8, 8)))
    assert [type(m).__name__ for m in model.G] == ["Linear", "Tanh", "Linear", "Tanh", "Linear"]
    assert [name for name in model.state_dict() if name.startswith("G.") and name.endswith("weight")] == [
        "G.0.weight", "G.2.weight", "G.4.weight",
    ]  # fmt: skip
    assert [m.out_features for m in model.G if isinstance(m, torch.nn.Linear)] == [6, 5, 64]
    rates = {name: optimizer.param_groups[0]["lr"] for name, optimizer in model.optimizers().items()}
    assert rates == {"start": 32, "discriminator": 1e-3, "generator": 1e-4}
    assert model.sample(3).shape == (3, 1, 8, 8)
