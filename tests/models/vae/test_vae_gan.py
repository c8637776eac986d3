"""VAE-GAN: three losses against their formulas, who learns from which, and the learned similarity."""

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from paragone.models.base import Progress, Spec
from paragone.models.vae.vae_gan import VAEGAN

X = torch.rand(5, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def build(shape: tuple[int, int, int] = (1, 16, 16), **config: object) -> VAEGAN:
    torch.manual_seed(0)
    return VAEGAN(VAEGAN.Config(**{"width": 2, "z_dim": 3, **config}), Spec(shape))  # type: ignore[arg-type]


@pytest.mark.parametrize("loss", ["minimax", "non-saturating"])
@pytest.mark.parametrize("layer", [1, 3])
def test_the_losses_are_those_of_algorithm_1(loss: str, layer: int) -> None:
    model = build(loss=loss, layer=layer, gamma=0.3).eval()  # in eval mode, a batch may be taken apart
    torch.manual_seed(1)
    updates = {u.optimizer: u for u in model.losses({"image": X}, Progress(0))}
    torch.manual_seed(1)
    mu, logvar = model.encoder(X).chunk(2, 1)
    q = Normal(mu, (logvar / 2).exp())
    z, z_p = mu + q.stddev * torch.randn(5, 3), torch.randn(5, 3)
    x_tilde, x_p = model.decoder(z).tanh(), model.decoder(z_p).tanh()
    like = Normal(model.D.features(x_tilde), 1.0)
    best = Normal(like.mean, 1.0).log_prob(like.mean).flatten(1).sum(1)  # the constant that L_llike leaves out
    llike = (best - like.log_prob(model.D.features(X)).flatten(1).sum(1)).mean()
    real, made, drawn = (model.D(x).sigmoid() for x in (X, x_tilde, x_p))
    prior = kl_divergence(q, Normal(0, 1)).sum(1).mean()
    gan = real.log().mean() + (1 - made).log().mean() / 2 + (1 - drawn).log().mean() / 2
    fool = (1 - made).log().mean() / 2 + (1 - drawn).log().mean() / 2
    if loss == "non-saturating":
        fool = -(made.log().mean() + drawn.log().mean()) / 2
    assert list(updates) == ["encoder", "decoder", "discriminator"]
    torch.testing.assert_close(updates["encoder"].loss, prior + llike, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(updates["decoder"].loss, 0.3 * llike + fool, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(updates["discriminator"].loss, -gan)


def test_no_network_learns_from_anothers_loss() -> None:
    model = build()
    nets = {"encoder": model.encoder, "decoder": model.decoder, "discriminator": model.D}
    for update in model.losses({"image": X}, Progress(0)):
        for name, net in nets.items():
            grads = torch.autograd.grad(update.loss, list(net.parameters()), allow_unused=True, retain_graph=True)
            reached = any(g is not None for g in grads)
            if name == update.optimizer:
                assert all(g is not None and g.isfinite().all() for g in grads)
            elif update.optimizer == "discriminator" or name == "encoder":
                assert not reached  # the decoder's game does not pull the encoder, nor the discriminator's the others


def test_the_features_are_those_of_the_chosen_convolution() -> None:
    shapes = [tuple(build(layer=layer).D.features(X).shape[1:]) for layer in (1, 2, 3)]
    assert shapes == [(8, 8, 8), (16, 4, 4), (16, 2, 2)]
    for layer in (1, 2, 3):
        model = build(layer=layer)
        assert isinstance(model.D.features[-1], nn.Conv2d)
        assert isinstance(model.D.judge[0], nn.BatchNorm2d)


def test_the_defaults_are_the_papers() -> None:
    model = VAEGAN(VAEGAN.Config(), Spec((3, 64, 64)))
    encoder, decoder, judge = (
        [m.out_channels if hasattr(m, "out_channels") else m.out_features for m in net.modules()
         if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)]
        for net in (model.encoder, model.decoder, model.D)
    )  # fmt: skip
    assert encoder == [64, 128, 256, 2048, 2 * 128]
    assert decoder == [8 * 8 * 256, 256, 128, 32, 3]
    assert judge == [32, 128, 256, 256, 512, 1]
    optimizers = model.optimizers().values()
    assert {(type(o).__name__, o.defaults["lr"]) for o in optimizers} == {("RMSprop", 0.0003)}
    assert model.eval().sample(1).shape == (1, 3, 64, 64)


def test_what_cannot_be_is_refused() -> None:
    for key, value in (("z_dim", 0), ("gamma", -1.0)):
        with pytest.raises(ValueError, match=f"{key} is {value}; it must"):
            build(**{key: value})
    with pytest.raises(ValueError, match="their sides divide by 8; these are 28 x 28"):
        build((1, 28, 28))
