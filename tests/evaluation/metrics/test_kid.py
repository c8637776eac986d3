"""The kernel distance against torch-fidelity, a naive float64 sum, and its lack of bias."""

import pytest
import torch
from torch_fidelity.metric_kid import kernel_poly, mmd2

from paragone.evaluation.metrics.kid import distance_and_error, kernel_distance, standard_error


def features(n: int, seed: int, d: int = 32) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)).relu()


def test_equals_torch_fidelity_on_sets_of_one_size() -> None:
    x, y = features(300, 1), 1.1 * features(300, 2)
    a, b = x.double().numpy(), y.double().numpy()
    options = {"kid_kernel_poly_degree": 3, "kid_kernel_poly_gamma": None, "kid_kernel_poly_coef0": 1}
    kernels = [kernel_poly(p, q, **options) for p, q in ((a, a), (a, b), (b, b))]
    assert kernel_distance(x, y) == pytest.approx(mmd2(*kernels), abs=1e-6)


def test_equals_a_naive_sum_on_sets_of_two_sizes() -> None:
    x, y = features(50, 1), 1.2 * features(77, 2)

    def kernel(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (a.double() @ b.double().T / 32 + 1) ** 3

    xx, yy, xy = kernel(x, x), kernel(y, y), kernel(x, y)
    within = (xx.sum() - xx.trace()) / (50 * 49) + (yy.sum() - yy.trace()) / (77 * 76)
    assert kernel_distance(x, y) == pytest.approx(float(within - 2 * xy.mean()), abs=1e-6)


@pytest.mark.parametrize("block", [1, 7, 64, 1000])
def test_does_not_depend_on_blocks_or_order(block: int) -> None:
    x, y = features(100, 1), features(60, 2)
    expected = kernel_distance(x, y, block=100)
    assert kernel_distance(x, y, block=block) == pytest.approx(expected, abs=1e-6)
    assert kernel_distance(x.flip(0), y.flip(0)) == pytest.approx(expected, abs=1e-6)
    assert kernel_distance(y, x) == pytest.approx(expected, abs=1e-6)


def test_is_unbiased() -> None:
    """Over draws from one distribution the mean is 0 within its error, at a size where a biased sum is well above."""
    values = torch.tensor([kernel_distance(features(20, 2 * i), features(20, 2 * i + 1)) for i in range(300)])
    error = values.std() / 300**0.5
    bias = (features(2000, 999).square().mean() + 1) ** 3 / 10  # of the diagonals, had they been left in
    assert abs(values.mean()) < 4 * error
    assert error < bias / 20


def naive_variance(y: torch.Tensor, x: torch.Tensor) -> float:
    """The unbiased estimate, by going through every four different images."""
    n = len(y)

    def kernel(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (a.double() @ b.double().T / y.shape[1] + 1) ** 3

    near = kernel(x, y).mean(0)
    h = kernel(y, y) - near[:, None] - near
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    mean = sum(h[i, j] for i, j in pairs) / len(pairs)
    apart = [h[i, j] * h[k, m] for i, j in pairs for k, m in pairs if not {i, j} & {k, m}]
    return float(mean**2 - sum(apart) / len(apart))


@pytest.mark.parametrize("block", [3, 100])
def test_the_distance_beside_its_error_is_the_same(block: int) -> None:
    x, y = features(40, 1), 1.2 * features(9, 2)
    assert distance_and_error(x, y, block)[0] == pytest.approx(kernel_distance(x, y), abs=1e-6)


@pytest.mark.parametrize("block", [3, 100])
def test_the_error_is_that_of_a_naive_sum(block: int) -> None:
    x, y = features(40, 1), 2 * features(9, 2)
    assert standard_error(x, y, block) ** 2 == pytest.approx(naive_variance(y, x), rel=1e-4)


def test_the_error_is_never_below_what_pairs_contribute() -> None:
    """Of images that are as good as real ones the estimate of the variance is now and then negative."""
    found = [standard_error(features(200, 0), features(30, seed)) for seed in range(1, 60)]
    assert min(found) > 0


@pytest.mark.parametrize("seed", range(20))
def test_one_image_over_and_over_has_no_error(seed: int) -> None:
    one = features(1, seed).expand(64, -1)
    assert standard_error(features(200, 99), one) == pytest.approx(0, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1.0, 1.3])
def test_the_interval_over_samples_covers_the_mean(scale: float) -> None:
    x = features(300, 1)
    sets = [scale * features(100, seed) for seed in range(2, 602)]
    values = torch.tensor([kernel_distance(x, y) for y in sets])
    errors = torch.tensor([standard_error(x, y) for y in sets])
    covered = float(((values - values.mean()).abs() < 1.96 * errors).double().mean())
    assert covered == pytest.approx(0.95, abs=0.03)
