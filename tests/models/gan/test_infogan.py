"""InfoGAN: the bound of eq. 5, which update it is part of, the codes, appendix C.1's networks."""

import math

import pytest
import torch

from paragone.models.base import Progress, Spec
from paragone.models.gan.infogan import InfoGAN

X = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def build(**config: float) -> InfoGAN:
    torch.manual_seed(0)
    small = {"noise": 5, "categories": 3, "continuous": 2, "width": 4, "hidden": 12, "q_hidden": 6}
    return InfoGAN(InfoGAN.Config(**{**small, **config}), Spec((3, 16, 16)))  # type: ignore[arg-type]


def bounds(model: InfoGAN, z: torch.Tensor, x: torch.Tensor) -> tuple[float, float]:
    """E[log Q(c|x)] + H(c), code by code and image by image, with torch's own distributions."""
    q = model.D(x)[1]
    categorical = [math.log(3) + q[i, :3].softmax(0)[int(z[i, 5:8].argmax())].log().item() for i in range(len(z))]
    normal = torch.distributions.Normal(q[:, 3:5], q[:, 5:7].exp())
    continuous = normal.log_prob(z[:, 8:]) + math.log(2)
    return sum(categorical) / len(z), continuous.sum(1).mean().item()


def test_both_losses_are_the_game_less_the_information() -> None:
    model = build(categorical_lambda=0.7, continuous_lambda=0.2).eval()
    torch.manual_seed(1)
    first, second = model.losses({"image": X}, Progress(0))
    torch.manual_seed(1)
    z = model.latents(6)
    fake = model.decode(z)
    categorical, continuous = bounds(model, z, fake)
    information = 0.7 * categorical + 0.2 * continuous
    d_real, d_fake = model.D(X)[0].sigmoid(), model.D(fake)[0].sigmoid()
    game = -(d_real.log().mean() + (1 - d_fake).log().mean())
    assert (first.optimizer, second.optimizer) == ("discriminator", "generator")
    assert first.loss.item() == pytest.approx(game.item() - information, rel=1e-5)
    assert second.loss.item() == pytest.approx(-d_fake.log().mean().item() - information, rel=1e-5)
    assert first.logs["information/categorical"].item() == pytest.approx(categorical, rel=1e-4)
    assert first.logs["information/continuous"].item() == pytest.approx(continuous, rel=1e-4)


def test_a_q_that_knows_the_codes_has_all_their_information() -> None:
    model = build()
    z = model.latents(2000)
    sure = torch.cat([40 * z[:, 5:8], z[:, 8:], torch.full((2000, 2), math.log(0.1))], 1)
    categorical, continuous = model._information(sure, z)
    assert categorical.item() == pytest.approx(math.log(3), abs=1e-5)
    # a Gaussian of deviation 0.1 about the truth: log 2 less log(0.1 sqrt(2 pi)), twice
    assert continuous.item() == pytest.approx(2 * (math.log(2) - math.log(0.1 * math.sqrt(2 * math.pi))), rel=1e-4)
    ignorant = torch.zeros(2000, 7)
    assert model._information(ignorant, z)[0].item() == pytest.approx(0, abs=1e-6)


def test_q_learns_with_the_discriminator_and_the_generator_from_the_information() -> None:
    model = build()
    updates = model.losses({"image": X}, Progress(0))
    first = next(updates)
    found = torch.autograd.grad(first.loss, [model.D.q2.weight, model.D.conv1.weight], retain_graph=True)
    assert all(g.abs().sum() > 0 for g in found)
    assert all(g is None for g in torch.autograd.grad(first.loss, list(model.G.parameters()), allow_unused=True))
    assert {id(p) for g in model.optimizers()["discriminator"].param_groups for p in g["params"]} == {
        id(p) for p in model.D.parameters()
    }
    model.D.d.weight.data.zero_()  # a discriminator that says nothing: what is left is the information
    second = next(updates)
    assert all(g.abs().sum() > 0 for g in torch.autograd.grad(second.loss, list(model.G.parameters())))


def test_latents_are_noise_a_choice_and_uniform_codes() -> None:
    model = build()
    z = model.latents(3000)
    assert z.shape == (3000, 10)
    choice, rest = z[:, 5:8], torch.cat([z[:, :5], z[:, 8:]], 1)
    assert torch.equal(choice.sum(1), torch.ones(3000))
    assert set(choice.unique().tolist()) == {0, 1}
    assert choice.mean(0).tolist() == pytest.approx([1 / 3] * 3, abs=0.04)
    assert rest.abs().max() <= 1
    assert rest.var(0).tolist() == pytest.approx([1 / 3] * 7, abs=0.03)
    torch.manual_seed(3)
    x = model.eval().sample(4)
    torch.manual_seed(3)
    torch.testing.assert_close(model.decode(model.latents(4)), x)


def test_traversals_vary_one_code_a_row() -> None:
    model = build()
    z = model.latents(1)[0]
    rows = model.traversals(z, 6)
    assert rows.shape == (3, 6, 10)
    assert rows[0, :, 5:8].argmax(1).tolist() == [0, 0, 1, 1, 2, 2]
    assert rows[1, :, 8].tolist() == pytest.approx([-2, -1.2, -0.4, 0.4, 1.2, 2])
    changed = (rows != z).any(1)  # (rows,z_dim)
    assert [set(row.nonzero().flatten().tolist()) for row in changed] == [{5, 6, 7}, {8}, {9}]


def test_clusters_are_qs_categories() -> None:
    model = build().eval()
    assert model.cluster(X).tolist() == [int(model.D(x[None])[1][0, :3].argmax()) for x in X]


def test_the_networks_and_optimisers_are_those_of_appendix_c() -> None:
    model = InfoGAN(InfoGAN.Config(), Spec((1, 28, 28)))
    shapes = {k: tuple(p.shape) for k, p in model.named_parameters() if p.ndim > 1}
    assert shapes == {
        "D.conv1.weight": (64, 1, 4, 4), "D.conv2.weight": (128, 64, 4, 4), "D.full.weight": (1024, 128 * 49),
        "D.d.weight": (1, 1024), "D.q1.weight": (128, 1024), "D.q2.weight": (14, 128),
        "G.project.0.weight": (1024, 74), "G.project.3.weight": (128 * 49, 1024),
        "G.up.0.weight": (128, 64, 4, 4), "G.up.3.weight": (64, 1, 4, 4),
    }  # fmt: skip
    rates = {name: o.defaults["lr"] for name, o in model.optimizers().items()}
    assert rates == {"discriminator": 2e-4, "generator": 1e-3}


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"categories": 1}, "categories is 1; it must be at least 2"),
        ({"noise": -1}, "noise is -1; it must be at least 0"),
        ({"continuous": -2}, "continuous is -2; it must be at least 0"),
        ({"hidden": 0}, "hidden is 0; it must be at least 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(config: dict[str, float], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        build(**config)


def test_a_size_that_cannot_be_halved_twice_is_refused() -> None:
    with pytest.raises(
        ValueError, match="images of 30 x 30 pixels cannot be halved twice; set the data set's resolution"
    ):
        InfoGAN(InfoGAN.Config(), Spec((1, 30, 30)))
