"""The discretised logistic mixture: a distribution over levels, and its draws."""

import pytest
import torch
from torch import Tensor

from paragone.models.layers import logistic_mixture
from paragone.models.layers.functional import discretized_logistic_log_likelihood

LEVELS = torch.arange(256) / 127.5 - 1


def parameters(colours: int, components: int, n: int = 1, side: int = 1) -> Tensor:
    torch.manual_seed(0)
    p = torch.randn(n, logistic_mixture.channels(colours, components), side, side)
    per = p.shape[1] // components
    for m in range(components):
        p[:, m * per + 1 + colours : m * per + 1 + 2 * colours] -= 2  # scales of a few levels
    return p


def test_the_probabilities_of_all_levels_sum_to_1() -> None:
    p = parameters(1, 3).expand(256, -1, -1, -1)
    log_p = logistic_mixture.log_likelihood(LEVELS.view(256, 1, 1, 1), p)
    assert float(log_p.exp().sum()) == pytest.approx(1, abs=1e-5)
    some = LEVELS[::5]
    pairs = torch.cartesian_prod(some, LEVELS).view(-1, 2, 1, 1)  # given red, the levels of the second colour
    p = parameters(2, 2).expand(len(pairs), -1, -1, -1)
    joint = logistic_mixture.log_likelihood(pairs, p).exp().view(len(some), 256).sum(1)
    assert (joint < 1).all()
    whole = torch.cartesian_prod(LEVELS, LEVELS).view(-1, 2, 1, 1)
    p = parameters(2, 2).expand(len(whole), -1, -1, -1)
    assert float(logistic_mixture.log_likelihood(whole, p).exp().sum()) == pytest.approx(1, abs=1e-4)


def test_one_component_of_one_colour_is_the_discretised_logistic() -> None:
    x = torch.randint(256, (3, 1, 4, 4)) / 127.5 - 1
    p = parameters(1, 1, 3, 4)
    expected = discretized_logistic_log_likelihood(x, p[:, 1:2], p[:, 2:3])
    torch.testing.assert_close(logistic_mixture.log_likelihood(x, p), expected)


def test_draws_have_the_mixtures_mean() -> None:
    p = 0.3 * parameters(3, 2)
    p[:, 4:7] = p[:, 14:17] = -3.0  # narrow: clipping plays no part
    torch.manual_seed(1)
    drawn = logistic_mixture.sample(p.expand(20_000, -1, -1, -1), 3)
    assert drawn.shape == (20_000, 3, 1, 1)
    assert drawn.abs().max() <= 1
    found, expected = drawn.mean(0), logistic_mixture.mean(p, 3)[0]
    torch.testing.assert_close(found[0], expected[0], atol=0.01, rtol=0)  # others: of a product of dependent draws
    assert (found - expected).abs().max() < 0.1


@pytest.mark.parametrize(("colours", "components", "expected"), [(1, 10, 30), (3, 10, 100), (2, 1, 6)])
def test_the_parameters_of_a_pixel(colours: int, components: int, expected: int) -> None:
    assert logistic_mixture.channels(colours, components) == expected
