"""The Frechet distance against scipy, torch-fidelity and what must hold of any distance between Gaussians."""

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from paragone.evaluation.metrics.base import Embedded, Statistics
from paragone.evaluation.metrics.frechet import (
    compute,
    distance_and_influence,
    distance_to,
    frechet_distance,
    influence,
    standard_error,
)


def features(n: int, d: int, seed: int, scale: float = 1.0) -> torch.Tensor:
    """Correlated features, as networks give."""
    draw = torch.Generator().manual_seed(seed)
    mix = torch.randn(d, d, generator=torch.Generator().manual_seed(99)) / d**0.5
    return (torch.randn(n, d, generator=draw) @ mix * scale + 0.1 * seed).relu()


def distance(x: torch.Tensor, y: torch.Tensor) -> float:
    return frechet_distance(Statistics.of(x), Statistics.of(y))


def test_equals_scipy_and_torch_fidelity() -> None:
    x, y = features(500, 40, 1), features(400, 40, 2, 1.3)
    a, b = Statistics.of(x), Statistics.of(y)
    root = scipy.linalg.sqrtm((a.cov @ b.cov).numpy())
    trace = float((a.cov + b.cov).trace()) - 2 * float(np.trace(root.real))
    by_scipy = float((a.mean - b.mean).square().sum()) + trace
    oracle = [fid_features_to_statistics(z.double()) for z in (x, y)]
    by_fidelity = fid_statistics_to_metric(*oracle, verbose=False)["frechet_inception_distance"]
    assert frechet_distance(a, b) == pytest.approx(by_scipy, rel=1e-9)
    assert frechet_distance(a, b) == pytest.approx(by_fidelity, rel=1e-9)


def test_is_exact_with_fewer_images_than_dimensions() -> None:
    """tr (S_a S_b)^(1/2) is the nuclear norm of the product of the centred features, which needs no covariance."""
    x, y = features(30, 100, 1).double(), features(50, 100, 2).double()
    a, b = ((z - z.mean(0)) / (len(z) - 1) ** 0.5 for z in (x, y))
    nuclear = torch.linalg.svdvals(a @ b.T).sum()
    expected = (x.mean(0) - y.mean(0)).square().sum() + a.square().sum() + b.square().sum() - 2 * nuclear
    assert distance(x, y) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize(("m", "n", "d"), [(500, 400, 40), (300, 30, 50), (30, 200, 50), (20, 30, 60)])
def test_features_and_their_statistics_are_at_one_distance(m: int, n: int, d: int) -> None:
    x, y = features(m, d, 1), features(n, d, 2, 1.3)
    x[:, 3], y[:, 7] = 0, 0  # features that one of the two never shows
    real = Statistics.of(x)
    expected = frechet_distance(real, Statistics.of(y))
    assert distance_to(real, y) == pytest.approx(expected, rel=1e-6)
    assert distance_and_influence(real, y)[0] == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(Statistics.of(y), real) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("n", "d", "rank"), [(200, 30, 29), (20, 30, 19)])
def test_a_factor_of_the_covariance(n: int, d: int, rank: int) -> None:
    x = features(n, d, 1)
    x[:, 5] = 1  # a feature that does not vary
    known = Statistics.of(x).factored()
    assert known.factor is not None
    assert known.factor.shape == (rank, d)
    assert torch.allclose(known.factor.T @ known.factor, known.cov, atol=1e-12)


@pytest.mark.parametrize("n", [200, 30])
def test_of_a_set_from_itself_is_zero(n: int) -> None:
    x = features(n, 50, 1)
    assert distance(x, x) == pytest.approx(0, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(shift=st.floats(-5, 5), scale=st.floats(0.1, 4), seed=st.integers(0, 9))
def test_of_a_shifted_and_scaled_set(shift: float, scale: float, seed: int) -> None:
    """FD(x, s x + c) = |mean(x) - mean(s x + c)|^2 + (1 - s)^2 tr S."""
    x = features(60, 8, seed).double()
    y = scale * x + shift
    expected = (x.mean(0) - y.mean(0)).square().sum() + (1 - scale) ** 2 * Statistics.of(x).cov.trace()
    assert distance(x, y) == pytest.approx(float(expected), rel=1e-6, abs=1e-8)
    assert distance(y, x) == pytest.approx(distance(x, y), rel=1e-6, abs=1e-8)


def test_does_not_depend_on_the_order() -> None:
    x, y = features(100, 20, 1), features(100, 20, 2)
    assert distance(x.flip(0), y) == pytest.approx(distance(x, y), rel=1e-10)


def test_merged_statistics_are_those_of_the_whole() -> None:
    x = features(103, 12, 3) + 1000  # a large mean: naive sums of squares would cancel
    parts = [Statistics.of(part) for part in x.split(25)]
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)
    whole = Statistics.of(x)
    assert merged.n == whole.n
    assert torch.allclose(merged.mean, whole.mean, rtol=1e-12)
    assert torch.allclose(merged.cov, whole.cov, rtol=1e-9)
    assert torch.allclose(whole.cov, torch.from_numpy(np.cov(x.double().numpy(), rowvar=False)), rtol=1e-9)


def test_grows_when_a_class_is_missing() -> None:
    draw = torch.Generator().manual_seed(0)
    label = torch.randint(10, (2000,), generator=draw)
    x = torch.nn.functional.one_hot(label, 10).float() * 3 + torch.randn(2000, 10, generator=draw)
    real, rest = Statistics.of(x[:1000]), x[1000:]
    whole = compute(Embedded(real, x[:1000], rest))["fd"]
    without = compute(Embedded(real, x[:1000], rest[label[1000:] != 4]))["fd"]
    assert without > 2 * whole


def weighted(x: torch.Tensor, w: torch.Tensor) -> Statistics:
    """Statistics of weighted features: mean and covariance with weights that sum to n."""
    n = len(x)
    mean = (w @ x) / n
    centred = x - mean
    return Statistics(n, mean, (centred * w[:, None]).T @ centred / (n - 1))


@pytest.mark.parametrize(("n", "d"), [(60, 12), (30, 40)])
def test_the_influence_is_the_derivative_in_the_images_weights(n: int, d: int) -> None:
    real, x = Statistics.of(features(500, d, 1)), features(n, d, 2, 1.3).double()
    step, found = 1e-3, []  # rounding of the zero eigenvalues of n < d, a few 1e-8, is divided by it
    for i in range(8):
        towards = torch.full((n,), -1 / n, dtype=torch.float64)
        towards[i] += 1  # more of this image, less of all
        up, down = (frechet_distance(real, weighted(x, 1 + s * towards)) for s in (step, -step))
        found.append(n * (up - down) / (2 * step))
    expected = influence(real, x)
    assert torch.tensor(found) == pytest.approx((expected - expected.mean())[:8], rel=5e-3, abs=5e-3)


def test_one_and_the_same_distance_has_no_error_where_images_do_not_differ() -> None:
    real = Statistics.of(features(100, 5, 1))
    assert standard_error(real, torch.ones(20, 5)) == pytest.approx(0, abs=1e-9)


def test_the_error_shrinks_with_the_root_of_the_number() -> None:
    real = Statistics.of(features(2000, 10, 1))
    few, many = (standard_error(real, features(n, 10, 2, 3.0)) for n in (500, 8000))
    assert few / many == pytest.approx(4, rel=0.2)


def gaussian(n: int, scale: torch.Tensor, seed: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return 0.3 + torch.randn(n, len(scale), generator=draw, dtype=torch.float64) * scale


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "d", "decay", "least", "most"),
    [(1000, 4, 0.0, 0.92, 0.98), (300, 64, 1.0, 0.92, 1), (100, 150, 1.0, 0.95, 1)],
)
def test_the_interval_over_samples_covers_the_mean_distance(
    n: int, d: int, decay: float, least: float, most: float
) -> None:
    """The distance between Gaussians is known in closed form, and for few dimensions n images are free of bias; for
    many, what is covered is the mean of n images. Where there are more dimensions than images, intervals are wide."""
    scale = torch.arange(1, d + 1, dtype=torch.float64) ** (-decay / 2)
    real = Statistics(10**6, torch.zeros(d, dtype=torch.float64), torch.diag(scale**2))
    draws = [gaussian(n, 1.2 * scale, seed) for seed in range(300)]
    values = torch.tensor([frechet_distance(real, Statistics.of(x)) for x in draws])
    truth = 0.3**2 * d + 0.2**2 * float((scale**2).sum())
    centre = truth if d == 4 else float(values.mean())
    errors = torch.tensor([standard_error(real, x) for x in draws])
    covered = float(((values - centre).abs() < 1.96 * errors).double().mean())
    assert least <= covered <= most
