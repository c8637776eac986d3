"""VQ-VAE-2: two levels of codes, the bottom's given the top's."""

import pytest
import torch
from torch.nn.functional import mse_loss

from paragone.models.base import Progress, Spec
from paragone.models.vq.vq_vae_2 import VQVAE2

X = torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def build(shape: tuple[int, int, int] = (1, 16, 16), **config: object) -> VQVAE2:
    torch.manual_seed(0)
    config = {"width": 8, "residual_width": 4, "blocks": 1, "codes": 6, "dim": 4, **config}
    model = VQVAE2(VQVAE2.Config(**config), Spec(shape))  # type: ignore[arg-type]
    for quantizer in (model.top, model.bottom):
        quantizer.codebook.normal_()
    return model


def nearest(z: torch.Tensor, codebook: torch.Tensor) -> torch.Tensor:
    """By brute force: features (B,D,h,w) -> indices (B,h,w)."""
    return (z[:, None] - codebook[None, :, :, None, None]).square().sum(2).argmin(1)


def test_the_loss_is_equation_2_by_way_of_algorithm_1() -> None:
    model = build()
    (update,) = list(model.losses({"image": X}, Progress(0)))[:1]
    model = build()
    h = model.encoder_bottom(X)
    top = model.to_top(model.encoder_top(h))
    e_top = model.top.codebook[nearest(top, model.top.codebook)].movedim(-1, 1)
    bottom = model.to_bottom(torch.cat([h, model.decoder_top(e_top)], 1))
    e_bottom = model.bottom.codebook[nearest(bottom, model.bottom.codebook)].movedim(-1, 1)
    image = model.decoder(torch.cat([model.upsample(e_top), e_bottom], 1))
    expected = mse_loss(image, X) / 0.253 + 0.25 * (mse_loss(top, e_top) + mse_loss(bottom, e_bottom))
    torch.testing.assert_close(update.loss, expected)
    torch.testing.assert_close(update.logs["reconstruction"], mse_loss(image, X) / 0.253)


def test_codes_name_the_grids_and_decode_to_reconstructions() -> None:
    model = build()
    codes = model.encode(X)
    top, bottom = model.split(codes)
    assert (codes.shape, top.shape, bottom.shape) == ((3, 20), (3, 2, 2), (3, 4, 4))
    assert (codes[:, :4] < 6).all()
    assert (codes[:, 4:] >= 6).all()
    assert (codes < model.codebook_size).all()
    torch.testing.assert_close(model.decode(codes), model.reconstruct(X))
    assert torch.equal(model.codes(X), codes)


def test_both_codebooks_move_to_the_features_they_stand_for() -> None:
    model = build(decay=0.5)
    before = [q.codebook.clone() for q in (model.top, model.bottom)]
    z = model._features(X)
    list(model.losses({"image": X}, Progress(0)))
    for quantizer, old, codes, features in (
        (model.top, before[0], z.top_codes, z.top),
        (model.bottom, before[1], z.bottom_codes, z.bottom),
    ):
        k = int(codes[0, 0, 0])
        mine = features.movedim(1, -1)[codes == k]
        total, count = quantizer.total[k], quantizer.count[k]
        torch.testing.assert_close(count, torch.tensor(0.5 + 0.5 * len(mine)))
        torch.testing.assert_close(quantizer.codebook[k], total / count)
        assert not torch.equal(quantizer.codebook[k], old[k])


def test_the_top_decides_what_the_bottom_codes() -> None:
    model = build()
    bottom = model.encoder_bottom(X)
    a, b = (model.to_bottom(torch.cat([bottom, model.decoder_top(torch.randn(3, 4, 2, 2))], 1)) for _ in range(2))
    assert not torch.equal(a, b)


def test_every_parameter_trains() -> None:
    model = build((3, 16, 16))
    next(model.losses({"image": torch.rand(3, 3, 16, 16)}, Progress(0))).loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(("key", "value"), [("codes", 1), ("levels", 0)])
def test_what_cannot_be_is_refused(key: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{key} is {value}; it must be at least"):
        build(**{key: value})
    with pytest.raises(
        ValueError, match=r"whose sides divide by 8 .*, not 12 x 12: set fewer levels, or another resolution"
    ):
        build((1, 12, 12))


def test_without_quantisation_it_is_a_plain_autoencoder() -> None:
    model = build(quantize=False)
    assert model.capabilities == {"reconstruct"}
    (update,) = model.losses({"image": X}, Progress(0))
    image = model.reconstruct(X)
    loss = update.loss.item() * model.cfg.data_variance
    assert loss == pytest.approx(mse_loss(image, X).item(), rel=1e-3)  # nothing to clip yet
    assert model.sample(2).shape == (2, 1, 16, 16)
    update.loss.backward()
    assert model.to_top.weight.grad is not None
    assert model.to_top.weight.grad.abs().sum() > 0
