"""CVAE: the conditional bound, its prior, and that labels matter where they should."""

import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from paragone.models.base import Progress, Spec
from paragone.models.vae.cvae import CVAE

X = torch.rand(5, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
Y = torch.tensor([0, 1, 2, 2, 0])


def build(shape: tuple[int, int, int] = (1, 16, 16), **config: object) -> CVAE:
    torch.manual_seed(0)
    model = CVAE(CVAE.Config(**{"hidden": 8, "width": 4, "z_dim": 3, **config}), Spec(shape, 3))  # type: ignore[arg-type]
    if model.cfg.prior == "conditional":
        torch.nn.init.normal_(model.prior.weight)
    return model.eval()


@pytest.mark.parametrize("prior", ["conditional", "standard"])
def test_the_loss_is_the_negative_bound_of_equation_5(prior: str) -> None:
    model = build(prior=prior)
    torch.manual_seed(1)
    (update,) = model.losses({"image": X, "label": Y}, Progress(0))
    torch.manual_seed(1)
    eps = torch.randn(5, 3)
    bound = []
    for x, y, noise in zip(X, Y.tolist(), eps, strict=True):
        label = torch.eye(3)[y]
        mu, logvar = model.encoder(torch.cat([(x.flatten() + 1) / 2, label])[None])[0].chunk(2)
        q = Normal(mu, (logvar / 2).exp())
        m, v = model.prior.weight[y].chunk(2) if prior == "conditional" else torch.zeros(2, 3)
        z = q.mean + q.stddev * noise
        p = Bernoulli(logits=model.decoder(torch.cat([z, label])[None])[0], validate_args=False)
        bound.append(p.log_prob((x + 1) / 2).sum() - kl_divergence(q, Normal(m, (v / 2).exp())).sum())
    torch.testing.assert_close(update.loss, -torch.stack(bound).mean())


def test_rate_is_the_divergence_from_the_classes_own_prior() -> None:
    model = build()
    rate = model.rate(X, Y)
    model.prior.weight.data[2] += 1
    changed = (model.rate(X, Y) - rate).abs().sum(1) > 0
    assert changed.tolist() == [False, False, True, True, False]
    (update,) = model.losses({"image": X, "label": Y}, Progress(0))
    torch.testing.assert_close(model.rate(X, Y).sum(1).mean(), update.logs["kl"])


def test_a_sample_is_decoded_from_its_classes_prior() -> None:
    model = build()
    torch.manual_seed(1)
    x = model.sample(5, Y)
    torch.manual_seed(1)
    mean, logvar = model.prior(Y).chunk(2, 1)
    z = mean + (logvar / 2).exp() * torch.randn(5, 3)
    torch.testing.assert_close(x, 2 * model.decoder(torch.cat([z, torch.eye(3)[Y]], 1)).sigmoid() - 1)


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_the_label_reaches_encoder_and_decoder_and_every_parameter_learns(network: str) -> None:
    model = build((3, 32, 32), network=network)
    x = torch.rand(3, 3, 32, 32) * 2 - 1
    z = torch.zeros(3, 3)
    one, two = torch.tensor([0, 0, 1]), torch.tensor([2, 0, 1])
    for method, given in ((model.decode, z), (model.encode, x), (model.reconstruct, x)):
        change = (method(given, one) - method(given, two)).flatten(1).abs().sum(1) > 0
        assert change.tolist() == [True, False, False]
    y = model.reconstruct(x, one)
    assert y.shape == x.shape
    assert y.abs().max() <= 1
    (update,) = model.train().losses({"image": x, "label": one}, Progress(0))
    update.loss.backward(inputs=list(model.parameters()))
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="CVAE needs labels; this data set has 0 classes"):
        CVAE(CVAE.Config(), Spec((1, 16, 16)))
    with pytest.raises(ValueError, match="z_dim is 0; it must be at least 1"):
        build(z_dim=0)
    with pytest.raises(ValueError, match="there is no class 3 to sample"):
        build().sample(2, torch.tensor([0, 3]))
