"""The gated PixelCNN: what each symbol sees, that probabilities sum to 1, and sampling from cached activations."""

from itertools import product

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from paragone.models.layers.gated_pixel_cnn import GatedPixelCNN


def build(
    groups: int = 1, levels: int = 2, *, width: int = 6, layers: int = 3, kernel: int = 3, **options: int
) -> GatedPixelCNN:
    torch.manual_seed(0)
    return GatedPixelCNN(groups, levels, width=width, layers=layers, kernel=kernel, **options)


def log_probability(net: GatedPixelCNN, symbols: Tensor, given: Tensor | None = None) -> Tensor:
    logits = net(symbols, given).transpose(1, 2)
    return -cross_entropy(logits, symbols, reduction="none").flatten(1).sum(1)


@pytest.mark.parametrize(("groups", "levels", "size"), [(1, 2, (2, 2)), (3, 2, (1, 2)), (1, 4, (2, 2)), (2, 3, (2, 1))])
def test_the_probabilities_of_all_images_sum_to_1(groups: int, levels: int, size: tuple[int, int]) -> None:
    net = build(groups, levels)
    every = torch.tensor(list(product(range(levels), repeat=groups * size[0] * size[1])))
    log_p = log_probability(net, every.view(-1, groups, *size))
    assert float(log_p.detach().exp().sum()) == pytest.approx(1, abs=1e-5)
    assert float(log_p.detach().std()) > 0.01  # not the uniform distribution alone


@pytest.mark.parametrize("kernel", [3, 5])
def test_a_pixel_sees_all_before_it_and_nothing_else(kernel: int) -> None:
    """No blind spot: with layers enough to reach all of the image, every earlier pixel has a gradient."""
    net = build(layers=9, kernel=kernel).double()
    x = torch.randn(1, 1, 7, 7, dtype=torch.float64, requires_grad=True)
    logits = net.logits(x)
    for i, j in ((0, 0), (0, 6), (3, 2), (6, 6)):
        (grad,) = torch.autograd.grad(logits[0, 0, :, i, j].double().square().sum(), x, retain_graph=True)
        seen = grad[0, 0] != 0
        before = torch.arange(49).view(7, 7) < 7 * i + j
        assert torch.equal(seen, before)


def test_a_signal_keeps_its_size_through_the_vertical_stack() -> None:
    """It is the only way from the rows far above, and has no residual connections."""
    net, v = build(layers=9, width=24, kernel=5), torch.randn(4, 24, 16, 16)
    for layer in list(net.layers)[1:]:
        v, _ = layer(v, torch.zeros(4, 24, 16, 16), None)
    assert 0.05 < float(v.detach().std()) < 1


def test_colours_are_drawn_in_order() -> None:
    net = build(3, width=36, layers=4).double()
    x = torch.randn(1, 3, 3, 3, dtype=torch.float64, requires_grad=True)
    logits = net.logits(x)
    for g in range(3):
        (grad,) = torch.autograd.grad(logits[0, g, :, 1, 1].square().sum(), x, retain_graph=True)
        assert [bool(v) for v in grad[0, :, 1, 1] != 0] == [c < g for c in range(3)]
        assert (grad[0, :, 1, 0] != 0).all()


@pytest.mark.parametrize(
    ("groups", "options", "condition"),
    [(1, {}, None), (3, {"kernel": 5}, (2, 3, 1, 1)), (1, {"embedding": 4}, (2, 3, 5, 4)), (2, {"embedding": 3}, None)],
)
def test_cached_sampling_draws_what_the_plain_loop_draws(groups: int, options: dict, condition: tuple | None) -> None:
    net = build(groups, 5, **options, condition=condition[1] if condition else 0)
    for p in net.parameters():
        p.data += 0.2 * torch.randn_like(p)
    given = None if condition is None else torch.randn(condition)
    torch.manual_seed(1)
    cached = net.sample(2, (5, 4), given)
    torch.manual_seed(1)
    plain = torch.zeros(2, groups, 5, 4, dtype=torch.int64)
    with torch.no_grad():
        for i, j, g in product(range(5), range(4), range(groups)):
            plain[:, g, i, j] = torch.multinomial(net(plain, given)[:, g, :, i, j].softmax(1), 1).squeeze(1)
    assert torch.equal(cached, plain)


def test_samples_follow_the_probabilities() -> None:
    net = build(1, 2)
    for p in net.parameters():
        p.data += 0.3 * torch.randn_like(p)
    every = torch.tensor(list(product(range(2), repeat=4)))
    p = log_probability(net, every.view(-1, 1, 2, 2)).exp()
    torch.manual_seed(0)
    drawn = net.sample(10_000, (2, 2)).flatten(1) @ torch.tensor([8, 4, 2, 1])
    torch.testing.assert_close(torch.bincount(drawn, minlength=16) / 10_000, p.detach(), atol=0.016, rtol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"kernel": 4}, "kernel is 4; it must be odd"), ({"kernel": 1}, "kernel is 1"), ({"layers": 0}, "layers is 0")],
)
def test_what_cannot_be_is_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**options)
    with pytest.raises(ValueError, match="width is 6; it must be a multiple of the 4 colours"):
        build(4)
