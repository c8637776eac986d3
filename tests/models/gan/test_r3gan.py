"""R3GAN: the relativistic loss, both penalties, the start of its blocks."""

import math

import pytest
import torch
from torch import Tensor, nn

from paragone.models.base import Progress, Spec
from paragone.models.gan.r3gan import R3GAN, Block, anneal

X = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def build(**config: object) -> R3GAN:
    torch.manual_seed(0)
    model = R3GAN(R3GAN.Config(**{"width": 8, "group": 8, "z_dim": 6, **config}), Spec((3, 16, 16)))  # type: ignore[arg-type]
    for block in model.modules():
        if isinstance(block, Block):
            nn.init.normal_(block.conv3.weight, 0, 0.1)  # type: ignore[arg-type]  # away from the identity
    return model


def penalty(model: R3GAN, x: Tensor) -> Tensor:
    x = x.detach().clone().requires_grad_()
    model.D(x).sum().backward(inputs=[x])
    assert x.grad is not None
    return torch.stack([g.square().sum() for g in x.grad]).mean()


def test_the_losses_compare_pairs_and_penalise_both_sides() -> None:
    model = build(gamma=(3.0, 3.0))
    torch.manual_seed(1)
    d, g = list(model.losses({"image": X}, Progress(0)))
    assert (d.optimizer, g.optimizer) == ("discriminator", "generator")
    torch.manual_seed(1)
    fakes = [model.G(torch.randn(4, 6)).detach() for _ in range(2)]
    with torch.no_grad():
        gap = [(model.D(X) - model.D(fake))[:, 0] for fake in fakes]
    expected = sum(math.log(1 + math.exp(-t)) for t in gap[0].tolist()) / 4
    torch.testing.assert_close(d.logs["r1"], penalty(model, X))
    torch.testing.assert_close(d.logs["r2"], penalty(model, fakes[0]))
    assert d.loss.item() == pytest.approx(expected + 1.5 * (d.logs["r1"] + d.logs["r2"]).item(), rel=1e-5)
    assert g.loss.item() == pytest.approx(sum(math.log(1 + math.exp(t)) for t in gap[1].tolist()) / 4, rel=1e-5)


def test_gamma_falls_along_half_a_cosine_over_a_share_of_the_budget() -> None:
    assert anneal((0.05, 0.005), 0.0) == pytest.approx(0.05)
    assert anneal((0.05, 0.005), 0.5) == pytest.approx(0.0275)
    assert anneal((0.05, 0.005), 1.0) == pytest.approx(0.005)
    model = build(gamma=(8.0, 2.0), anneal=0.5)

    def loss(kimg: float) -> float:
        torch.manual_seed(1)
        return next(model.losses({"image": X}, Progress(3, kimg, 100.0))).loss.item()

    torch.manual_seed(1)
    update = next(model.losses({"image": X}, Progress(3, 0.0, 100.0)))
    half = (update.logs["r1"] + update.logs["r2"]).item() / 2
    assert loss(0.0) - loss(25.0) == pytest.approx(3 * half, rel=1e-3)
    assert loss(0.0) - loss(50.0) == pytest.approx(6 * half, rel=1e-3)
    assert loss(50.0) == pytest.approx(loss(90.0), rel=1e-6)


def test_a_block_starts_as_the_identity_and_its_variance_shrinks_with_their_number() -> None:
    torch.manual_seed(0)
    block, x = Block(32, 16, 8), torch.randn(2, 32, 4, 4)
    assert torch.equal(block(x), x)
    expected = math.sqrt(2 / 1.04) * 8**-0.25 / math.sqrt(32)
    assert block.conv1.weight.std().item() == pytest.approx(expected, rel=0.05)  # type: ignore[operator, union-attr]


def test_channels_halve_beyond_the_flat_sizes() -> None:
    def channels(flat: int) -> list[int]:
        model = R3GAN(R3GAN.Config(width=32, group=8, flat=flat), Spec((1, 64, 64)))
        return [stage[0].conv1.in_channels for stage in model.G.stages]  # type: ignore[index, union-attr]

    assert channels(32) == [32, 32, 32, 32, 16]  # at 4, 8, 16, 32 and 64 px
    assert channels(8) == [32, 32, 16, 8, 4]


def test_there_is_no_normalisation() -> None:
    norms = (nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)
    assert not any(isinstance(m, norms) for m in build().modules())


def test_groups_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="group is 6; it must divide 2 x width, which is 16"):
        build(group=6)
    with pytest.raises(ValueError, match="flat is 12; it must be a power of two"):
        build(flat=12)
    with pytest.raises(ValueError, match="anneal is 0"):
        build(anneal=0)


def test_the_generator_may_have_a_rate_of_its_own() -> None:
    assert build(lr=0.01).optimizers()["generator"].defaults["lr"] == 0.01
    assert build(generator_lr=0.002).optimizers()["generator"].defaults["lr"] == 0.002
