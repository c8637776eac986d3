"""CGAN: the label in both networks, the game of eq. 2, the paper's networks."""

from typing import Any

import pytest
import torch
from torch import nn

from paragone.models.base import Progress, Spec
from paragone.models.gan.cgan import CGAN, Generator
from paragone.project import registry

X = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
Y = torch.tensor([0, 1, 2, 3, 1, 0])
SMALL = {"hidden": (5, 7, 9), "units": (6, 3, 4), "width": 4, "z_dim": 8}
NETWORKS = pytest.mark.parametrize("network", ["mlp", "conv"])


def build(network: str = "mlp", **config: Any) -> CGAN:
    torch.manual_seed(0)
    return CGAN(CGAN.Config(network=network, **{**SMALL, **config}), Spec((3, 16, 16), 4))  # type: ignore[arg-type]


@NETWORKS
def test_the_losses_are_the_non_saturating_game_given_the_labels(network: str) -> None:
    model = build(network).eval()  # neither dropout nor moving statistics
    torch.manual_seed(1)
    first, second = model.losses({"image": X, "label": Y}, Progress(1))
    torch.manual_seed(1)
    onehot = torch.eye(4)[Y]
    fake = torch.tanh(model.G(2 * torch.rand(6, 8) - 1, onehot)).view(6, 3, 16, 16)
    d_real, d_fake = model.D(X, onehot).sigmoid(), model.D(fake, onehot).sigmoid()
    assert (first.optimizer, second.optimizer) == ("discriminator", "generator")
    torch.testing.assert_close(first.loss, -(d_real.log().mean() + (1 - d_fake).log().mean()))
    torch.testing.assert_close(second.loss, -d_fake.log().mean())
    assert all(g is None for g in torch.autograd.grad(first.loss, list(model.G.parameters()), allow_unused=True))


@NETWORKS
def test_the_label_reaches_both_networks(network: str) -> None:
    model = build(network).eval()
    z, zeros, ones = model.latents(6), torch.zeros_like(Y), torch.ones_like(Y)
    assert not torch.equal(model.decode(z, zeros), model.decode(z, ones))
    onehot = torch.eye(4)
    assert not torch.equal(model.D(X, onehot[zeros]), model.D(X, onehot[ones]))


@NETWORKS
def test_samples_are_of_the_classes_asked_for(network: str) -> None:
    model = build(network).eval()
    torch.manual_seed(2)
    x = model.sample(6, Y)
    torch.manual_seed(2)
    z = model.latents(6)
    assert -1 <= z.min() < -0.9
    assert 0.9 < z.max() <= 1
    torch.testing.assert_close(model.decode(z, Y), x)
    with pytest.raises(ValueError, match="there is no class 4 to sample; the model has the classes 0 to 3"):
        model.sample(6, Y + 1)


def test_the_first_update_makes_the_mean_image_the_output_of_silence() -> None:
    model = build()
    update = next(model.losses({"image": X, "label": Y}, Progress(0)))
    optimizer = model.optimizers()[update.optimizer]
    update.loss.backward()
    optimizer.step()
    assert isinstance(model.G, Generator)
    later = [id(p) for g in model.optimizers()["generator"].param_groups for p in g["params"]]
    assert id(model.G.mean) not in later
    assert len(later) == len(list(model.G.parameters())) - 1
    mean = (X.mean(0) + 1) / 2
    torch.testing.assert_close(model.G.mean, mean.flatten(), atol=1e-5, rtol=0)
    model.G.out.weight.data.zero_()
    model.G.out.bias.data.zero_()
    torch.testing.assert_close(model.eval().sample(1)[0], 2 * mean - 1, atol=1e-4, rtol=0)


def test_the_networks_are_those_of_section_4() -> None:
    model = CGAN(CGAN.Config(), Spec((1, 28, 28), 10))
    shapes = {k: tuple(p.shape) for k, p in model.named_parameters() if k.endswith("weight")}
    assert shapes == {
        "G.z.weight": (200, 100), "G.y.weight": (1000, 10), "G.joint.weight": (1200, 1200), "G.out.weight": (784, 1200),
        "D.x.weight": (240 * 5, 784), "D.y.weight": (50 * 5, 10), "D.joint.weight": (240 * 4, 290),
        "D.out.weight": (1, 240),
    }  # fmt: skip
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout)] == [0.5, 0.5]
    for name in ("discriminator", "generator"):
        defaults = model.optimizers()[name].defaults
        assert (defaults["lr"], defaults["momentum"]) == (0.1, 0.5)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"z_dim": -1}, "z_dim is -1; it must be at least 1"),
        ({"width": 0}, "width is 0; it must be at least 1"),
        ({"hidden": (200, 0, 1200)}, r"hidden is \(200, 0, 1200\); each must be at least 1"),
        ({"units": (-5, 50, 240)}, r"units is \(-5, 50, 240\); each must be at least 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(config: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        build(**config)


def test_data_without_labels_are_refused_before_anything_is_built() -> None:
    with pytest.raises(ValueError, match="model 'cgan' needs labels and the data set has none; choose a data set with"):
        registry.build_model("cgan", Spec((1, 32, 32), 0))
