"""HGAN: a game at each size; with one game it is DCGAN."""

import pytest
import torch
from torch.nn.functional import avg_pool2d, softplus

from paragone.models.base import Progress, Spec
from paragone.models.gan.hgan import HGAN

X = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


def build(shape: tuple[int, int, int] = (3, 32, 32), **config: object) -> HGAN:
    torch.manual_seed(0)
    return HGAN(HGAN.Config(**{"width": 4, "z_dim": 6, **config}), Spec(shape))  # type: ignore[arg-type]


@pytest.mark.parametrize(("side", "games", "sizes"), [(32, 3, [16, 32]), (64, 3, [16, 32, 64]), (64, 2, [32, 64])])
def test_the_last_sizes_from_16_up_are_shown(side: int, games: int, sizes: list[int]) -> None:
    model = build((3, side, side), games=games)
    z = model.latents(2)
    images = model.images(z)
    assert [i.shape for i in images] == [(2, 3, s, s) for s in sizes]
    assert len(model.D) == len(sizes)
    model.eval()
    assert torch.equal(model.decode(z), model.images(z)[-1])


def test_the_losses_are_sums_over_sizes() -> None:
    model = build(weight=0.5)
    torch.manual_seed(1)
    updates = model.losses({"image": X}, Progress(0))
    d, g = next(updates), next(updates)
    torch.manual_seed(1)
    small, large = model.images(model.latents(4))
    D16, D32 = model.D
    at_16 = softplus(-D16(avg_pool2d(X, 2))).mean() + softplus(D16(small)).mean()
    at_32 = softplus(-D32(X)).mean() + softplus(D32(large)).mean()
    torch.testing.assert_close(d.loss, 0.5 * at_16 + at_32)
    torch.testing.assert_close(g.loss, 0.5 * softplus(-D16(small)).mean() + softplus(-D32(large)).mean())


def test_every_layer_of_the_generator_has_a_gradient() -> None:
    model = build(weight=1.0)
    _, g = list(model.losses({"image": X}, Progress(0)))
    g.loss.backward(inputs=list(model.G.parameters()))
    assert all(p.grad is not None for p in model.G.parameters())
    alone = build(games=1)
    assert len(alone.D) == 1
    assert len(alone.G.sides) == 0


def test_no_game_is_refused() -> None:
    with pytest.raises(ValueError, match="games is 0"):
        build(games=0)
