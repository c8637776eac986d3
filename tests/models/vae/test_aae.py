"""AAE: the two phases, who learns in which, the prior, and what labels change."""

import math

import pytest
import torch
from torch import nn

from paragone.models.base import Progress, Spec
from paragone.models.vae.aae import AAE

Y = torch.tensor([0, 1, 2, 3, 3])
X = torch.rand(5, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def build(shape: tuple[int, int, int] = (1, 16, 16), **config: object) -> AAE:
    torch.manual_seed(0)
    return AAE(AAE.Config(**{"hidden": 8, "width": 4, "z_dim": 3, **config}), Spec(shape, 4))  # type: ignore[arg-type]


def test_the_losses_are_half_the_squared_error_and_the_game_of_equation_1() -> None:
    model = build()
    torch.manual_seed(1)
    updates = list(model.losses({"image": X}, Progress(0)))
    torch.manual_seed(1)
    z, prior = model.encoder((X + 1) / 2), 5 * torch.randn(5, 3)
    difference = model.decoder(z).sigmoid() - (X + 1) / 2
    real, fake = model.D(prior).sigmoid(), model.D(z).sigmoid()
    assert [u.optimizer for u in updates] == ["autoencoder", "discriminator", "generator"]
    torch.testing.assert_close(updates[0].loss, sum(d.square().sum() / 2 for d in difference) / 5)
    torch.testing.assert_close(updates[1].loss, -(real.log().mean() + (1 - fake).log().mean()))
    torch.testing.assert_close(updates[2].loss, -fake.log().mean())


def test_each_phase_moves_its_own_networks() -> None:
    model = build()
    nets = {"encoder": model.encoder, "decoder": model.decoder, "D": model.D}
    reached = {}
    for update in model.losses({"image": X}, Progress(0)):
        held = [p for g in model.optimizers()[update.optimizer].param_groups for p in g["params"]]
        model.zero_grad()
        update.loss.backward(inputs=held, retain_graph=True)
        reached[update.optimizer] = {k for k, net in nets.items() if any(p.grad is not None for p in net.parameters())}
    assert reached == {"autoencoder": {"encoder", "decoder"}, "discriminator": {"D"}, "generator": {"encoder"}}


def test_the_discriminators_update_does_not_reach_the_encoder() -> None:
    model = build()
    _, update, _ = model.losses({"image": X}, Progress(0))
    grads = torch.autograd.grad(update.loss, list(model.encoder.parameters()), allow_unused=True)
    assert all(g is None for g in grads)


def test_the_encoder_learns_to_be_taken_for_the_prior() -> None:
    """Against a fixed discriminator that likes codes near (2, 2, 2), the generator's phase moves the codes there."""
    model = build(adversary_lr=0.02)
    model.D = nn.Sequential(nn.Linear(3, 1))
    with torch.no_grad():
        model.D[0].weight.fill_(1.0)
        model.D[0].bias.fill_(-6.0)
    optimizer = model.optimizers()["generator"]
    before = model.encode(X).detach()
    for _ in range(50):
        *_, update = model.losses({"image": X}, Progress(0))
        optimizer.zero_grad()
        update.loss.backward(inputs=list(model.encoder.parameters()))
        optimizer.step()
    assert (model.encode(X) > before + 0.3).all()


def test_samples_are_decoded_from_the_prior() -> None:
    model = build(prior_std=3.0)
    torch.manual_seed(1)
    x = model.sample(4)
    torch.manual_seed(1)
    torch.testing.assert_close(x, 2 * model.decoder(3 * torch.randn(4, 3)).sigmoid() - 1)


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_colour_images_stay_in_range(network: str) -> None:
    model = build((3, 32, 32), network=network)
    x = torch.rand(4, 3, 32, 32) * 2 - 1
    assert model.encode(x).shape == (4, 3)
    for y in (model.reconstruct(x), model.sample(4), model.decode(100 * torch.randn(4, 3))):
        assert y.shape == x.shape
        assert y.abs().max() <= 1


def test_the_defaults_are_the_papers() -> None:
    model = AAE(AAE.Config(), Spec((1, 28, 28)))  # 28 px: fully connected networks take any size
    nets = (model.encoder, model.decoder, model.D)
    widths = [[m.out_features for m in net.modules() if isinstance(m, nn.Linear)] for net in nets]
    assert widths == [[1000, 1000, 8], [1000, 1000, 784], [1000, 1000, 1]]
    rates = {k: (o.defaults["lr"], o.defaults["momentum"]) for k, o in model.optimizers().items()}
    assert rates == {"autoencoder": (0.01, 0.9), "discriminator": (0.1, 0.1), "generator": (0.1, 0.1)}


@pytest.mark.parametrize(("key", "value"), [("z_dim", 0), ("prior_std", 0.0)])
def test_what_cannot_be_is_refused(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{key} is {value}; it must"):
        build(**{key: value})


def test_labels_in_the_adversary_make_the_prior_a_mixture_that_it_is_told() -> None:
    model = build(labels="adversary", prior_std=3.0)
    torch.manual_seed(1)
    updates = list(model.losses({"image": X, "label": Y}, Progress(0)))
    torch.manual_seed(1)
    code, eps, prior = model.encoder((X + 1) / 2), 3 * torch.randn(5, 3), []
    for (a, b, c), k in zip(eps.tolist(), Y.tolist(), strict=True):  # 4 components: the neighbour is 6 sqrt(2) away
        point = complex(6 + 0.5 * a, 2 * 6 * math.sin(math.pi / 4) / 6 * b / 3) * complex(0, 1) ** k
        prior.append([point.real, point.imag, c])
    real = model.D(torch.cat([torch.tensor(prior), torch.eye(4)[Y]], 1)).sigmoid()
    fake = model.D(torch.cat([code, torch.eye(4)[Y]], 1)).sigmoid()
    difference = model.decoder(code).sigmoid() - (X + 1) / 2
    torch.testing.assert_close(updates[0].loss, difference.square().flatten(1).sum(1).mean() / 2)
    torch.testing.assert_close(updates[1].loss, -(real.log().mean() + (1 - fake).log().mean()))
    torch.testing.assert_close(updates[2].loss, -fake.log().mean())


def test_labels_in_the_decoder_leave_prior_and_adversary_as_they_are() -> None:
    model = build(labels="decoder")
    torch.manual_seed(1)
    updates = list(model.losses({"image": X, "label": Y}, Progress(0)))
    torch.manual_seed(1)
    code, prior = model.encoder((X + 1) / 2), 5 * torch.randn(5, 3)
    difference = model.decoder(torch.cat([code, torch.eye(4)[Y]], 1)).sigmoid() - (X + 1) / 2
    torch.testing.assert_close(updates[0].loss, difference.square().flatten(1).sum(1).mean() / 2)
    expected = -(model.D(prior).sigmoid().log().mean() + (1 - model.D(code).sigmoid()).log().mean())
    torch.testing.assert_close(updates[1].loss, expected)


def test_labels_in_both_tell_decoder_and_adversary_and_leave_the_prior_one() -> None:
    model = build(labels="both")
    torch.manual_seed(1)
    updates = list(model.losses({"image": X, "label": Y}, Progress(0)))
    torch.manual_seed(1)
    classes = torch.eye(4)[Y]
    code, prior = model.encoder((X + 1) / 2), 5 * torch.randn(5, 3)
    real, fake = (model.D(torch.cat([z, classes], 1)).sigmoid() for z in (prior, code))
    difference = model.decoder(torch.cat([code, classes], 1)).sigmoid() - (X + 1) / 2
    torch.testing.assert_close(updates[0].loss, difference.square().flatten(1).sum(1).mean() / 2)
    torch.testing.assert_close(updates[1].loss, -(real.log().mean() + (1 - fake).log().mean()))
    torch.testing.assert_close(updates[2].loss, -fake.log().mean())


@pytest.mark.parametrize("labels", ["adversary", "decoder", "both"])
@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_labels_choose_what_is_sampled_and_the_latent_goes_both_ways(labels: str, network: str) -> None:
    model = build((3, 32, 32), network=network, labels=labels).eval()
    assert model.needs == {"image", "label"}
    x, z = torch.rand(4, 3, 32, 32) * 2 - 1, model.latents(1).expand(4, -1)
    images = model.decode(z, Y[:4])
    assert all((a - b).abs().max() > 0 for i, a in enumerate(images) for b in images[:i])
    torch.testing.assert_close(model.decode(model.encode(x, Y[:4]), Y[:4]), model.reconstruct(x, Y[:4]))
    torch.manual_seed(1)
    samples = model.sample(4, Y[:4])
    torch.manual_seed(1)
    torch.testing.assert_close(samples, model.decode(model.latents(4), Y[:4]))


def test_labels_need_classes_and_a_plane() -> None:
    with pytest.raises(ValueError, match="labels is decoder, but this data set has 0 classes"):
        AAE(AAE.Config(labels="decoder"), Spec((1, 16, 16)))
    with pytest.raises(ValueError, match="z_dim is 1; labels in the adversary need at least 2"):
        build(labels="adversary", z_dim=1)


def test_categories_are_found_by_an_adversary_of_their_own() -> None:
    """Section 6: softmax categories against uniform one-hot draws, the latent beside them against the prior."""
    model = build(categories=4)
    torch.manual_seed(1)
    updates = list(model.losses({"image": X}, Progress(0)))
    torch.manual_seed(1)
    z, logits = model.encoder((X + 1) / 2).split([3, 4], 1)
    found = logits.softmax(1)
    prior, drawn = 5 * torch.randn(5, 3), torch.eye(4)[torch.randint(4, (5,))]
    difference = model.decoder(torch.cat([z, found], 1)).sigmoid() - (X + 1) / 2
    pairs = [(model.D(prior), model.D(z)), (model.D_categories(drawn), model.D_categories(found))]
    torch.testing.assert_close(updates[0].loss, sum(d.square().sum() / 2 for d in difference) / 5)
    game = [-(a.sigmoid().log().mean() + (1 - b.sigmoid()).log().mean()) for a, b in pairs]
    torch.testing.assert_close(updates[1].loss, game[0] + game[1])
    torch.testing.assert_close(updates[2].loss, -sum(b.sigmoid().log().mean() for _, b in pairs))
    assert torch.equal(model.cluster(X), logits.argmax(1))
    assert "cluster" in model.capabilities
    assert "cluster" not in build().capabilities
    latents = model.latents(6)
    assert torch.equal(latents[:, 3:].sum(1), torch.ones(6))
    assert model.decode(latents).shape == (6, 1, 16, 16)


@pytest.mark.parametrize("config", [{"categories": 1}, {"categories": 4, "labels": "decoder"}])
def test_categories_and_labels_do_not_go_together(config: dict) -> None:
    with pytest.raises(ValueError, match="give 2 or more, and labels: none"):
        AAE.Config(**config)
