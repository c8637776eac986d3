"""What is kept from one step to the next, and how a step draws."""

import pytest
import torch

from paragone.models.layers.kept import pick, staying, stays, waits

CPU = torch.device("cpu")


@pytest.mark.parametrize(("n", "levels"), [(1, 256), (16, 10), (100, 3)])
def test_it_picks_what_multinomial_draws(n: int, levels: int) -> None:
    torch.manual_seed(n)
    logits = 3 * torch.randn(n, levels)
    for seed in range(20):
        torch.manual_seed(seed)
        expected, after = torch.multinomial(logits.softmax(1), 1), torch.get_rng_state()
        torch.manual_seed(seed)
        assert torch.equal(pick(logits, waits(n, levels, CPU)), expected)
        assert torch.equal(torch.get_rng_state(), after)


def test_nothing_need_stay_but_where_graphs_are_made() -> None:
    assert not stays()
    with staying():
        assert stays()
    assert not stays()
