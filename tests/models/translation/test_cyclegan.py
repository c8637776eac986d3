import copy

import pytest
import torch
from torch import nn

from paragone.models.base import Progress, Spec
from paragone.models.translation.cyclegan import CycleGAN, Pool, Residual, ResidualGenerator

SPEC = Spec((3, 16, 16))


def build(**config) -> CycleGAN:
    torch.manual_seed(0)
    return CycleGAN(CycleGAN.Config(**{"width": 4, "blocks": 1, "strided": 1, **config}), SPEC)


def batch(n: int = 3) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    return {key: torch.rand(n, *SPEC.shape, generator=draw) * 2 - 1 for key in ("image", "source")}


def test_losses_are_those_of_an_independent_computation():
    model, data = build(), batch()
    x, y = data["source"], data["image"]
    generators, discriminators = model.losses(data, Progress(0))
    G, F = (lambda a: torch.tanh(model.G(a))), (lambda a: torch.tanh(model.F(a)))
    game = (model.D_Y(G(x)) - 1).pow(2).mean() + (model.D_X(F(y)) - 1).pow(2).mean()
    cycle = (F(G(x)) - x).abs().mean() + (G(F(y)) - y).abs().mean()
    same = (G(y) - y).abs().mean() + (F(x) - x).abs().mean()
    assert generators.loss.item() == pytest.approx((game + 10 * cycle + 5 * same).item(), rel=1e-5)
    assert generators.logs["cycle"].item() == pytest.approx(cycle.item(), rel=1e-5)
    real = (model.D_Y(y) - 1).pow(2).mean() + (model.D_X(x) - 1).pow(2).mean()
    fake = model.D_Y(G(x)).pow(2).mean() + model.D_X(F(y)).pow(2).mean()  # the pool is not full: new ones
    assert discriminators.loss.item() == pytest.approx(((real + fake) / 2).item(), rel=1e-5)
    assert generators.drawn == 6


def test_without_identity_the_term_is_gone():
    generators = next(build(identity=0.0).losses(batch(), Progress(0)))
    assert set(generators.logs) == {"game", "cycle"}
    expected = generators.logs["game"] + 10 * generators.logs["cycle"]
    assert generators.loss.item() == pytest.approx(expected.item())


def test_each_optimiser_holds_two_networks():
    model = build()
    held = {k: {id(p) for g in o.param_groups for p in g["params"]} for k, o in model.optimizers().items()}
    assert held["generators"] == {id(p) for net in (model.G, model.F) for p in net.parameters()}
    assert held["discriminators"] == {id(p) for net in (model.D_X, model.D_Y) for p in net.parameters()}


def test_a_pool_fills_up_and_then_shows_half_of_what_it_holds():
    pool = Pool(50, (1, 1, 1))
    torch.manual_seed(0)
    first = torch.arange(50.0).view(50, 1, 1, 1)
    assert torch.equal(pool(first), first)
    assert torch.equal(pool.images, first)
    shown = []
    for i in range(1000, 3000, 4):
        fresh = torch.arange(i, i + 4.0).view(4, 1, 1, 1)
        shown += (pool(fresh) == fresh).flatten().tolist()
    assert sum(shown) / len(shown) == pytest.approx(0.5, abs=0.04)
    assert int(pool.count) == 50
    assert pool.images.min() > 1000  # every first one was replaced


def test_a_pool_keeps_what_it_gives_away_no_longer():
    """What was shown and what is held are together what went in."""
    pool = Pool(3, (1, 1, 1))
    torch.manual_seed(2)
    shown = [pool(torch.full((1, 1, 1, 1), float(i))).item() for i in range(40)]
    later = shown[3:]  # those before were shown and kept
    assert sorted(later + pool.images.flatten().tolist()) == list(range(40))


def test_a_pool_is_state():
    pool = Pool(4, (1, 2, 2))
    pool(torch.randn(6, 1, 2, 2))
    again = Pool(4, (1, 2, 2))
    again.load_state_dict(copy.deepcopy(pool.state_dict()))
    fresh, shown = torch.randn(5, 1, 2, 2), []
    for each in (pool, again):
        torch.manual_seed(3)
        shown.append(each(fresh))
    assert torch.equal(*shown)


def test_the_generator_is_the_papers():
    net = ResidualGenerator(3, 64, 9, "instance")
    convs = [m for m in net.layers if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    sizes = [(c.in_channels, c.out_channels, c.kernel_size[0], c.stride[0]) for c in convs]
    assert sizes == [(3, 64, 7, 1), (64, 128, 3, 2), (128, 256, 3, 2), (256, 128, 3, 2), (128, 64, 3, 2), (64, 3, 7, 1)]
    assert sum(isinstance(m, Residual) for m in net.layers) == 9
    # resnet_9blocks of the authors' code has 11.378 million, with biases that the normalisation cancels
    assert sum(p.numel() for p in net.parameters()) == 11_378_179 - (64 + 128 + 256 + 18 * 256 + 128 + 64)


def test_instance_normalisation_is_blind_to_hue_and_batch_normalisation_is_not():
    """One scene in the colours of two hues, flat figure and flat ground."""
    scene = torch.zeros(1, 1, 16, 16)
    scene[..., 4:10, 5:11] = 1
    hues = torch.tensor([[[0.2, 0.9, 0.5]], [[0.6, 0.8, 0.7]]]).view(2, 3, 1, 1)
    x = scene * hues  # (2,3,16,16)
    for norm, blind in (("instance", True), ("batch", False)):
        torch.manual_seed(0)
        first = ResidualGenerator(3, 4, 1, norm).layers[:3]
        weights = first[1].weight.data
        weights[:, 1:] = 0  # of one colour, so that a hue is a scale
        a, b = first(x)
        assert torch.allclose(a, b, atol=0.05 * float(a.detach().std())) == blind


def test_a_residual_block_adds_to_its_input():
    block = Residual(3, "instance")
    for conv in (m for m in block.modules() if isinstance(m, nn.Conv2d)):
        nn.init.zeros_(conv.weight)
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(block(x), x)


@pytest.mark.parametrize("shape", [(3, 17, 17), (3, 12, 12), (3, 16, 18)])
def test_other_sizes_are_refused(shape):
    with pytest.raises(ValueError, match=f"sides divide by 4, from 16 px up; these are {shape[1]} x {shape[2]}"):
        CycleGAN(CycleGAN.Config(width=4, blocks=1, strided=1), Spec(shape))
