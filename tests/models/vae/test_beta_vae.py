"""beta-VAE: the weighted bound, and the price of beta."""

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Normal, kl_divergence

from paragone.models.base import Progress, Spec
from paragone.models.vae.beta_vae import BetaVAE
from paragone.models.vae.vae import VAE

X = torch.randint(256, (5, 1, 16, 16), generator=torch.Generator().manual_seed(0)) / 127.5 - 1


def build(shape: tuple[int, int, int] = (1, 16, 16), **config: object) -> BetaVAE:
    torch.manual_seed(0)
    return BetaVAE(BetaVAE.Config(**{"hidden": 8, "width": 4, "z_dim": 3, **config}), Spec(shape))  # type: ignore[arg-type]


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_the_loss_is_the_negative_of_equation_4(beta: float) -> None:
    model = build(beta=beta)
    torch.manual_seed(1)
    (update,) = model.losses({"image": X}, Progress(0))
    torch.manual_seed(1)
    mu, logvar = model.encoder((X + 1) / 2).chunk(2, 1)
    q = Normal(mu, (logvar / 2).exp())
    p = Bernoulli(logits=model.decoder(mu + q.stddev * torch.randn(5, 3)), validate_args=False)
    reconstruction, kl = p.log_prob((X + 1) / 2).sum((1, 2, 3)), kl_divergence(q, Normal(0, 1)).sum(1)
    torch.testing.assert_close(update.loss, (beta * kl - reconstruction).mean())
    torch.testing.assert_close(update.logs["kl"], kl.mean())
    torch.testing.assert_close(update.logs["log_likelihood"], reconstruction.mean())


def test_at_beta_1_on_the_same_networks_it_is_the_vae() -> None:
    model = build(network="conv", beta=1.0).eval()
    vae = VAE(VAE.Config(network="conv", width=4, z_dim=3), Spec((1, 16, 16))).eval()
    vae.load_state_dict(model.state_dict())
    losses = []
    for m in (model, vae):
        torch.manual_seed(1)
        losses.append(next(m.losses({"image": X}, Progress(0))).loss)
    torch.testing.assert_close(losses[0], losses[1])


def test_more_beta_keeps_the_code_nearer_to_the_prior() -> None:
    kl = {}
    for beta in (0.1, 10.0):
        model = build(beta=beta, optimizer="adam")
        (optimizer,) = model.optimizers().values()
        for step in range(150):
            (update,) = model.losses({"image": X}, Progress(step))
            optimizer.zero_grad()
            update.loss.backward()
            optimizer.step()
        kl[beta] = update.logs["kl"].item()
    assert kl[10.0] < kl[0.1] / 2


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_every_parameter_trains_and_images_stay_in_range(network: str) -> None:
    model = build((3, 32, 32), network=network)
    x = torch.rand(4, 3, 32, 32) * 2 - 1
    next(model.losses({"image": x}, Progress(0))).loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert model.encode(x).shape == (4, 3)
    for y in (model.reconstruct(x), model.sample(4), model.decode(100 * torch.randn(4, 3))):
        assert y.shape == x.shape
        assert y.abs().max() <= 1


def test_the_defaults_are_those_of_table_1() -> None:
    model = BetaVAE(BetaVAE.Config(), Spec((1, 64, 64)))
    widths = [
        [m.out_features for m in net.modules() if isinstance(m, nn.Linear)] for net in (model.encoder, model.decoder)
    ]
    assert widths == [[1200, 1200, 20], [1200, 1200, 1200, 4096]]
    assert [type(m).__name__ for m in model.decoder.children()][1] == "Tanh"
    assert model.optimizers()["vae"].defaults["lr"] == 0.01
    assert "log_likelihood_bound" not in model.capabilities


@pytest.mark.parametrize(("key", "value"), [("beta", -1.0), ("z_dim", 0)])
def test_what_cannot_be_is_refused(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{key} is {value}; it must"):
        build(**{key: value})


def test_its_optimizer_can_be_built_where_no_fused_kernel_exists() -> None:
    (optimizer,) = build().to("meta").optimizers().values()  # meta stands in for CUDA, for which Adagrad has none
    assert not optimizer.defaults["fused"]
    (optimizer,) = build().optimizers().values()
    assert optimizer.defaults["fused"]
