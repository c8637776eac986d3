"""PacGAN: what the discriminator sees at once, the losses, the networks of the authors' code."""

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from paragone.models.base import Progress, Spec
from paragone.models.gan.pacgan import PacGAN

X = torch.rand(6, 3, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1


def build(packing: int = 2) -> PacGAN:
    torch.manual_seed(0)
    return PacGAN(PacGAN.Config(packing=packing, z_dim=5), Spec((3, 28, 28)))


def test_packs_are_neighbours_side_by_side_along_the_channels() -> None:
    packed = build().pack(X)
    assert packed.shape == (3, 6, 28, 28)
    for i in range(3):
        assert torch.equal(packed[i], torch.cat([X[2 * i], X[2 * i + 1]]))
    with pytest.raises(ValueError, match=r"a batch of 5 images cannot be packed by 2; make plan.batch a multiple"):
        build().pack(X[:5])


@pytest.mark.parametrize("packing", [1, 2, 3])
def test_both_losses_are_the_game_on_packs(packing: int) -> None:
    model = build(packing).eval()
    torch.manual_seed(1)
    first, second = model.losses({"image": X}, Progress(0))
    torch.manual_seed(1)
    fake = model.decode(torch.randn(6, 5))
    real_score, fake_score = (model.D(x.reshape(6 // packing, 3 * packing, 28, 28)) for x in (X, fake))
    ones, zeros = torch.ones_like(real_score), torch.zeros_like(real_score)
    game = cross_entropy(real_score, ones) + cross_entropy(fake_score, zeros)
    assert (first.optimizer, second.optimizer, first.drawn) == ("discriminator", "generator", 6)
    assert first.loss.item() == pytest.approx(game.item(), rel=1e-5)
    assert second.loss.item() == pytest.approx(cross_entropy(fake_score, ones).item(), rel=1e-5)


def test_the_networks_are_those_of_the_authors_code() -> None:
    model = PacGAN(PacGAN.Config(packing=1), Spec((3, 28, 28)))
    shapes = [tuple(conv.weight.shape) for conv in model.D.convs]
    assert shapes == [(2, 3, 3, 3), (4, 2, 3, 3), (8, 4, 3, 3)]
    assert model.D.score.in_features == 8 * 4 * 4
    assert model.G.sizes == [(4, 4), (7, 7), (14, 14), (28, 28)]
    assert [up.weight.shape[:2] for up in model.G.ups] == [(64, 32), (32, 16), (16, 8)]
    assert model.sample(2).shape == (2, 3, 28, 28)


def test_a_size_that_is_none_is_one_sentence() -> None:
    with pytest.raises(ValueError, match="packing is 0; it must be at least 1"):
        PacGAN.Config(packing=0)
