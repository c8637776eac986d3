"""The KL autoencoder: its losses, the adversary's weight and start, its grid of latents."""

import pytest
import torch

from paragone.models.base import Progress, Spec
from paragone.models.vae.kl_autoencoder import KLAutoencoder

SMALL = {"width": 8, "multipliers": (1, 2), "blocks": 1, "dim": 2, "adversary_width": 4}
X = torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def build(shape: tuple[int, int, int] = (1, 16, 16), **config: object) -> KLAutoencoder:
    torch.manual_seed(0)
    return KLAutoencoder(KLAutoencoder.Config(**{**SMALL, **config}), Spec(shape)).eval()  # type: ignore[arg-type]


def test_the_loss_before_the_adversary_is_reconstruction_and_kl() -> None:
    model = build(beta=0.1)
    torch.manual_seed(1)
    (update,) = model.losses({"image": X}, Progress(0, 0.4, 1.0))
    torch.manual_seed(1)
    mean, logvar = model.encoder(X).chunk(2, 1)
    fake = model.decoder(mean + logvar.exp().sqrt() * torch.randn_like(mean))
    kl = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, logvar.exp().sqrt()), torch.distributions.Normal(0.0, 1.0)
    )
    torch.testing.assert_close(update.loss, ((X - fake).abs().sum() + 0.1 * kl.sum()) / 4)
    assert update.drawn == 4


def test_the_adversary_weighs_as_much_as_the_reconstruction_at_the_last_layer() -> None:
    model = build(beta=0.0, adversary=0.5)
    torch.manual_seed(1)
    first, second = list(model.losses({"image": X}, Progress(0, 0.5, 1.0)))
    torch.manual_seed(1)
    mean, logvar = model.encoder(X).chunk(2, 1)
    fake = model.decoder(mean + logvar.exp().sqrt() * torch.randn_like(mean))
    assert model.discriminator is not None
    reconstruction, adversarial = (X - fake).abs().sum() / 4, -model.discriminator(fake).mean()
    a, b = (
        torch.autograd.grad(loss, model.decoder.head.weight, retain_graph=True)[0].norm()
        for loss in (reconstruction, adversarial)
    )
    torch.testing.assert_close(first.loss, reconstruction + 0.5 * a / (b + 1e-4) * adversarial, rtol=1e-5, atol=1e-4)
    real, scores = model.discriminator(X), model.discriminator(fake.detach())
    torch.testing.assert_close(second.loss, (1 - real).clamp(min=0).mean() + (1 + scores).clamp(min=0).mean())
    assert second.optimizer == "discriminator"


@pytest.mark.parametrize(("shape", "patch", "grid"), [((1, 16, 16), 1, (8, 8)), ((3, 32, 64), 2, (8, 16))])
def test_the_grid_of_latents(shape: tuple[int, int, int], patch: int, grid: tuple[int, int]) -> None:
    model, x = build(shape, patch=patch), torch.zeros(2, *shape)
    assert model.grid == grid
    assert model.encode(x).shape == (2, 2, *grid)
    assert model.reconstruct(x).shape == x.shape
    assert model.sample(3).shape == (3, *shape)


def test_without_an_adversary_there_is_one_optimiser() -> None:
    model = build(adversary=0)
    assert list(model.optimizers()) == ["autoencoder"]
    assert [u.optimizer for u in model.losses({"image": X}, Progress(0, 1.0, 1.0))] == ["autoencoder"]


def test_what_cannot_be_built_is_refused() -> None:
    with pytest.raises(ValueError, match="whose sides divide by 2, not 17 x 17"):
        build((1, 17, 17))
    with pytest.raises(ValueError, match=r"adversary_start is 1.5; it must be at most 1"):
        build(adversary_start=1.5)
