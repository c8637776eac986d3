"""The causal transformer: what it may see, and that sampling with kept keys and values is the full computation."""

import pytest
import torch

from paragone.models.layers.transformer import CausalTransformer, Growing, Lasting


@pytest.fixture
def net() -> CausalTransformer:
    torch.manual_seed(0)
    net = CausalTransformer(11, 9, width=16, depth=2, heads=4, dropout=0.1).eval()
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.3)
    return net


def _tokens() -> torch.Tensor:
    return torch.randint(11, (3, 9), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("j", [0, 4, 8])
def test_a_token_moves_only_the_logits_after_it(net, j):
    tokens = _tokens()
    changed = tokens.clone()
    changed[:, j] = (tokens[:, j] + 1) % 11
    a, b = net(tokens), net(changed)
    assert torch.equal(a[:, : j + 1], b[:, : j + 1])
    if j < 8:
        assert (a[:, j + 1 :] != b[:, j + 1 :]).any(-1).all()


@pytest.mark.parametrize("past", [Growing(), Lasting(9, torch.device("cpu"))])
def test_step_by_step_equals_the_whole_sequence_at_once(net, past):
    tokens = _tokens()
    inputs = torch.cat([torch.full((3, 1), 11), tokens[:, :-1]], 1)
    with torch.no_grad():
        logits = [net.step(inputs[:, j : j + 1], torch.tensor([j]), past) for j in range(9)]
    torch.testing.assert_close(torch.stack(logits, 1), net(tokens))


def test_a_sample_is_what_the_plain_loop_draws(net):
    torch.manual_seed(3)
    drawn = net.sample(4)
    torch.manual_seed(3)
    plain = torch.zeros(4, 9, dtype=torch.int64)
    with torch.no_grad():
        for j in range(9):
            plain[:, j] = torch.multinomial(net(plain)[:, j].softmax(1), 1).squeeze(1)
    assert torch.equal(drawn, plain)


def test_samples_follow_the_models_distribution(net):
    torch.manual_seed(0)
    drawn = net.sample(20_000)
    assert drawn.shape == (20_000, 9)
    first = net(drawn[:1])[0, 0].softmax(0)
    counts = torch.bincount(drawn[:, 0], minlength=11) / len(drawn)
    torch.testing.assert_close(counts, first.detach(), atol=0.015, rtol=0)
    given = drawn[drawn[:, 0] == first.argmax()]  # the second token given the most frequent first
    second = net(given[:1])[0, 1].softmax(0)
    torch.testing.assert_close(
        torch.bincount(given[:, 1], minlength=11) / len(given), second.detach(), atol=0.03, rtol=0
    )


def test_it_starts_near_uniform():
    torch.manual_seed(0)
    logits = CausalTransformer(7, 4, width=16, depth=3, heads=2, dropout=0.0)(torch.zeros(1, 4, dtype=torch.int64))
    assert logits.softmax(-1).sub(1 / 7).abs().max() < 0.05


def test_heads_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="heads is 3; it must divide the width 16"):
        CausalTransformer(7, 4, width=16, depth=1, heads=3, dropout=0.0)
