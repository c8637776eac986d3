"""Straight lines and the flow along them, on a Gaussian whose velocity field is known."""

import pytest
import torch

from paragone.models.layers import straight

MEAN, STD = 0.3, 0.6


def velocity(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """E[x_1 - x_0 | x_t = x] of two normal variables by the formula of their joint distribution."""
    t = t.view(-1, 1, 1, 1).to(x)
    covariance, variance = t * STD**2 - (1 - t), t**2 * STD**2 + (1 - t) ** 2
    return MEAN + covariance / variance * (x - t * MEAN)


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("heun", 2)])
def test_the_solvers_reach_the_data_and_have_their_order(solver, order):
    x = torch.tensor([[[[-1.5]]], [[[2.0]]]], dtype=torch.float64)
    exact = MEAN + STD * x
    error = [(straight.integrate(velocity, x, n, solver) - exact).abs().max().item() for n in (20, 40)]
    assert error[0] < 0.1
    assert 2**order * 0.8 < error[0] / error[1] < 2**order * 1.3


def test_the_denoiser_is_the_posterior_mean():
    x, sigma = torch.tensor([[[[0.9]]], [[[-7.0]]]]), torch.tensor([0.2, 5.0])
    v = sigma.view(-1, 1, 1, 1) ** 2
    torch.testing.assert_close(straight.denoise(velocity, x, sigma), (STD**2 * x + v * MEAN) / (STD**2 + v))


def test_between_is_noise_at_the_start_and_the_image_at_the_end():
    noise, image = torch.randn(2, 1, 3, 3), torch.randn(2, 1, 3, 3)
    middle = straight.between(noise, image, torch.tensor([0.0, 1.0]))
    assert torch.equal(middle[0], noise[0])
    assert torch.equal(middle[1], image[1])
