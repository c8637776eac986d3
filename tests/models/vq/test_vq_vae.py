"""VQ-VAE: the loss of eq. 3 and its gradients, the averaged codebook, codes and reconstructions."""

import math

import pytest
import torch
from torch import Tensor

from paragone.models.base import Progress, Spec
from paragone.models.vq.vq_vae import VQVAE, usage

X = torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def build(shape: tuple[int, int, int] = (1, 16, 16), **config: object) -> VQVAE:
    torch.manual_seed(0)
    return VQVAE(VQVAE.Config(**{"width": 8, "codes": 10, "dim": 4, **config}), Spec(shape))  # type: ignore[arg-type]


def by_hand(model: VQVAE) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Features, their codes as constants, the codes with the codebook's gradient, and the reconstruction."""
    z = model.encoder(X)
    flat = z.movedim(1, -1).reshape(-1, 4)
    nearest = (flat[:, None] - model.quantizer.codebook[None]).square().sum(-1).argmin(1)
    codes = model.quantizer.codebook[nearest].view(4, 4, 4, 4).movedim(-1, 1)
    return z, codes.detach(), codes, model.decoder(codes.detach())


def test_the_loss_is_equation_3() -> None:
    model = build(beta=0.7, data_variance=0.4)
    z, fixed, codes, y = by_hand(model)
    expected = (y - X).square().mean() / 0.4 + (codes - z.detach()).square().mean() + 0.7 * (z - fixed).square().mean()
    (update,) = model.losses({"image": X}, Progress(0))
    torch.testing.assert_close(update.loss, expected)


def test_each_term_moves_what_the_paper_says() -> None:
    model = build(beta=0.7, data_variance=0.4)
    z, fixed, codes, _ = by_hand(model)
    latent = fixed.clone().requires_grad_()
    reconstruction = (model.decoder(latent) - X).square().mean() / 0.4
    decoder = torch.autograd.grad(reconstruction, [latent, *model.decoder.parameters()])
    commitment = 0.7 * (z - fixed).square().mean()
    # the encoder: the gradient at the decoder's input, copied to its output, and the commitment
    encoder = torch.autograd.grad([z, commitment], list(model.encoder.parameters()), [decoder[0], torch.tensor(1.0)])
    (codebook,) = torch.autograd.grad((codes - z.detach()).square().mean(), [model.quantizer.codebook])
    (update,) = model.losses({"image": X}, Progress(0))
    update.loss.backward()
    torch.testing.assert_close([p.grad for p in model.encoder.parameters()], list(encoder))
    torch.testing.assert_close([p.grad for p in model.decoder.parameters()], list(decoder[1:]))
    torch.testing.assert_close(model.quantizer.codebook.grad, codebook)


def test_averaging_has_no_codebook_term_and_moves_the_codebook_after_the_step() -> None:
    model = build(ema=True, decay=0.9)
    with torch.no_grad():  # spread out, so that several codes are in use
        model.quantizer.codebook.normal_(std=0.1)
        model.quantizer.total.copy_(model.quantizer.codebook)
    z, fixed, _, y = by_hand(model)
    before = model.quantizer.codebook.clone()
    updates = model.losses({"image": X}, Progress(0))
    loss = next(updates).loss
    torch.testing.assert_close(loss, (y - X).square().mean() / 0.253 + 0.25 * (z - fixed).square().mean())
    assert torch.equal(model.quantizer.codebook, before)
    assert next(updates, None) is None
    used = (fixed.movedim(1, -1).reshape(-1, 1, 4) == before).all(-1)  # (B h w,K)
    total = 0.9 * before + 0.1 * (used.float().T @ z.movedim(1, -1).reshape(-1, 4))
    count = 0.9 + 0.1 * used.sum(0)
    torch.testing.assert_close(model.quantizer.codebook, total / count[:, None])


def test_usage_of_codes() -> None:
    logs = usage(torch.tensor([[0, 0, 1, 1]]), 8)
    assert logs["perplexity"].item() == pytest.approx(2)
    assert logs["used"].item() == pytest.approx(0.25)
    skewed = usage(torch.tensor([0, 0, 0, 5]), 8)["perplexity"].item()
    assert skewed == pytest.approx(math.exp(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25))))


@pytest.mark.parametrize(("shape", "levels", "grid"), [((1, 32, 32), 2, (8, 8)), ((3, 64, 32), 3, (8, 4))])
def test_codes_and_images(shape: tuple[int, int, int], levels: int, grid: tuple[int, int]) -> None:
    model, x = build(shape, levels=levels), torch.rand(2, *shape) * 2 - 1
    codes = model.encode(x)
    assert codes.shape == (2, *grid)
    assert codes.dtype == torch.int64
    assert torch.equal(model.reconstruct(x), model.decode(codes))
    assert model.reconstruct(x).shape == model.sample(2).shape == x.shape
    assert model.sample(2).abs().max() <= 1


def test_samples_draw_every_code_alike() -> None:
    model, drawn = build(), []
    model.decode = lambda indices: drawn.append(indices)  # type: ignore[assignment,method-assign,return-value,func-returns-value]
    torch.manual_seed(0)
    model.sample(1000)
    shares = torch.bincount(drawn[0].flatten(), minlength=10) / drawn[0].numel()
    assert drawn[0].shape == (1000, 4, 4)
    torch.testing.assert_close(shares, torch.full((10,), 0.1), atol=0.01, rtol=0)


def test_it_learns_to_reconstruct() -> None:
    model = build(ema=True, restart=0.5, lr=3e-3)
    (optimizer,) = model.optimizers().values()
    before = (model.reconstruct(X) - X).square().mean()
    for step in range(150):
        for update in model.losses({"image": X.round()}, Progress(step)):
            optimizer.zero_grad()
            update.loss.backward()
            optimizer.step()
    assert (model.reconstruct(X.round()) - X.round()).square().mean() < 0.5 * before


def test_without_quantisation_the_loss_is_the_reconstruction_alone() -> None:
    model = build(quantize=False)
    (update,) = model.losses({"image": X}, Progress(0))
    expected = (model.decoder(model.encoder(X)) - X).square().mean() / model.cfg.data_variance
    torch.testing.assert_close(update.loss, expected)
    torch.testing.assert_close(model.reconstruct(X), model.decoder(model.encoder(X)).clamp(-1, 1))
    assert "codes" not in model.capabilities
    assert model.sample(3).shape == (3, *X.shape[1:])


@pytest.mark.parametrize(
    ("shape", "config", "words"),
    [
        ((1, 30, 32), {}, r"sides divide by 4 \(levels: 2\), not 30 x 32: set fewer levels, or another resolution"),
        ((1, 32, 32), {"codes": 1}, "codes is 1; it must be at least 2"),
        ((1, 32, 32), {"restart": 1.0}, "restart is 1.0, but codes are restarted with ema only"),
    ],
)
def test_what_cannot_be_built_is_refused(shape: tuple[int, int, int], config: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build(shape, **config)
