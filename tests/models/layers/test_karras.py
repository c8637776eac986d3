"""Noise levels, preconditioning and the two samplers on a Gaussian, whose flow is known in closed form."""

import math
from itertools import pairwise

import pytest
import torch

from paragone.models.layers import karras
from support.gaussian import Gaussian, gain

DATA = Gaussian(0.3, 0.6)
START = 10.0


def test_noise_levels_are_equation_5():
    levels = karras.noise_levels(5, 0.002, 80.0, 7.0)
    root = [80 ** (1 / 7) + i / 4 * (0.002 ** (1 / 7) - 80 ** (1 / 7)) for i in range(5)]
    assert levels.tolist() == pytest.approx([*(r**7 for r in root), 0.0])
    assert karras.noise_levels(1, 0.002, 80.0).tolist() == [pytest.approx(80), 0]


def test_infinite_rho_spaces_the_logarithms_evenly():
    even = karras.noise_levels(9, 0.01, 10.0, math.inf)[:-1].log().diff()
    torch.testing.assert_close(even, torch.full((8,), math.log(0.001) / 8, dtype=torch.float64))
    near = karras.noise_levels(9, 0.01, 10.0, 1e6)
    torch.testing.assert_close(near, karras.noise_levels(9, 0.01, 10.0, math.inf), rtol=1e-4, atol=0)


@pytest.mark.parametrize(("steps", "low", "high"), [(0, 0.1, 1.0), (3, 0.0, 1.0), (3, 2.0, 1.0)])
def test_impossible_levels_are_refused(steps, low, high):
    with pytest.raises(ValueError, match=r"steps is 0; it must|noise levels are .*; they must"):
        karras.noise_levels(steps, low, high)


def test_preconditioning_gives_unit_variances():
    """c_in x, and the target (y - c_skip x) / c_out, have variance 1 for data of variance sigma_data^2 (B.6)."""
    torch.manual_seed(0)
    for sigma in (0.05, 0.7, 20.0):
        c = karras.precondition(torch.tensor([sigma]), 0.5)
        y, n = 0.5 * torch.randn(1, 1, 400, 400), torch.randn(1, 1, 400, 400)
        x = y + sigma * n
        assert (c.input * x).var().item() == pytest.approx(1, abs=0.02)
        assert ((y - c.skip * x) / c.out).var().item() == pytest.approx(1, abs=0.02)
        assert c.noise.item() == pytest.approx(math.log(sigma) / 4)


def heun_step(gain_before: float, now: float, then: float) -> float:
    """The factor by which x - mean is multiplied: D - mean = k (x - mean) with k = std^2 / (std^2 + sigma^2)."""
    k = DATA.slope
    ahead = 1 + (then - now) * (1 - k(now)) / now
    if not then:
        return gain_before * ahead
    slope = ((1 - k(now)) / now + (1 - k(then)) * ahead / then) / 2
    return gain_before * (1 + (then - now) * slope)


def test_heun_has_the_mean_and_the_variance_of_its_steps():
    """The sampler is an affine map of the first noise: its slope and offset, worked out step by step."""
    levels = karras.noise_levels(6, 0.05, START)
    expected = 1.0
    for now, then in pairwise(levels.tolist()):
        expected = heun_step(expected, now, then)
    slope, offset = gain(lambda x: karras.heun(DATA.denoise, x, levels))
    assert slope == pytest.approx(expected, rel=1e-5)
    assert offset == pytest.approx(DATA.mean * (1 - expected), rel=1e-5)


def test_dpm_solver_has_the_mean_and_the_variance_of_its_steps():
    levels = karras.noise_levels(6, 0.05, START, math.inf)
    a, last, h = 1.0, None, math.log(levels[0] / levels[1])
    for now in levels[:-2].tolist():
        d = DATA.slope(now) * a
        e = d if last is None else 1.5 * d - 0.5 * last  # equal steps in lambda: r = 1
        a, last = math.exp(-h) * a + (1 - math.exp(-h)) * e, d
    expected = DATA.slope(float(levels[-2])) * a
    slope, offset = gain(lambda x: karras.multistep(DATA.denoise, x, levels))
    assert slope == pytest.approx(expected, rel=1e-5)
    assert offset == pytest.approx(DATA.mean * (1 - expected), rel=1e-5)


@pytest.mark.parametrize("solver", [karras.heun, karras.multistep])
def test_the_solvers_are_of_second_order(solver):
    """The error against the flow in closed form falls fourfold when steps are twice as many."""
    x = torch.tensor([3.0], dtype=torch.float64).view(1, 1, 1, 1)
    errors = []
    for steps in (20, 40, 80):
        levels = karras.noise_levels(steps, 0.002, START, math.inf)
        errors.append((solver(DATA.denoise, x, levels) - DATA.flow(x, START)).abs().item())
    floor = 0.002**2  # what the last step, of first order from sigma_min, costs at most
    for coarse, fine in pairwise(errors):
        assert 3.2 < (coarse - floor) / (fine - floor) < 5


def test_heun_evaluates_twice_a_step_but_for_the_last():
    calls = []
    levels = karras.noise_levels(4, 0.05, START)
    karras.heun(lambda x, sigma: calls.append(float(sigma[0])) or x, torch.zeros(1, 1, 1, 1), levels)
    assert len(calls) == 2 * 4 - 1
    calls.clear()
    karras.multistep(lambda x, sigma: calls.append(float(sigma[0])) or x, torch.zeros(1, 1, 1, 1), levels)
    assert calls == pytest.approx(levels[:-1].tolist(), rel=1e-6)


def test_churn_keeps_the_distribution():
    """With fresh noise at each step, samples still have the data's mean and standard deviation."""
    torch.manual_seed(0)
    x = START * torch.randn(1, 1, 200, 200)
    churn = karras.Churn(20.0, 0.05, 8.0, 1.0)
    assert churn.gamma(1.0, 40) == pytest.approx(min(0.5, math.sqrt(2) - 1))
    assert churn.gamma(9.0, 40) == 0
    y = karras.heun(DATA.denoise, x, karras.noise_levels(40, 0.002, START), churn)
    assert y.mean().item() == pytest.approx(DATA.mean, abs=0.02)
    assert y.std().item() == pytest.approx(DATA.std, abs=0.02)
