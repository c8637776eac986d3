"""The Frechet distance at endless samples, where it is known: of two Gaussians."""

import numpy as np
import pytest
import torch

from paragone.evaluation import infinity
from paragone.evaluation.metrics.base import Statistics
from paragone.evaluation.metrics.frechet import frechet_distance

D = 32
REAL = Statistics(10**9, torch.zeros(D, dtype=torch.float64), torch.eye(D, dtype=torch.float64))


def fakes(n: int, seed: int) -> torch.Tensor:
    """From N(0.1, 0.81 I), which is 0.01 D + 0.01 D away from N(0, I)."""
    return 0.9 * torch.randn(n, D, generator=torch.Generator().manual_seed(seed)) + 0.1


def test_the_bias_of_few_samples_is_gone() -> None:
    exact = 0.02 * D
    biased = [frechet_distance(REAL, Statistics.of(fakes(2000, seed))) for seed in range(10)]
    found = [infinity.extrapolate(REAL, fakes(2000, seed)) for seed in range(10)]
    error = np.std(found) / np.sqrt(len(found))
    assert np.mean(biased) - exact > 5 * np.std(biased) / np.sqrt(len(biased))  # about D^2 / 4n and D / n
    assert np.mean(found) == pytest.approx(exact, abs=3 * error)
    assert error < 0.1 * exact


def test_it_repeats_itself() -> None:
    assert infinity.extrapolate(REAL, fakes(2000, 0)) == infinity.extrapolate(REAL, fakes(2000, 0))
