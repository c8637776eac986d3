"""Seeded draws: permutations are permutations, integers are spread evenly, and neither ever changes."""

import numpy as np
import pytest

from paragone.data import counter_rng


@pytest.mark.parametrize("count", [1, 2, 7, 64, 1000])
def test_permutation(count: int) -> None:
    found = counter_rng.permute(np.arange(count), count, np.uint64(5))
    assert sorted(found) == list(range(count))
    if count > 100:
        assert abs(np.corrcoef(np.arange(count), found)[0, 1]) < 0.1


def test_integers_are_even_and_streams_have_nothing_to_do_with_each_other() -> None:
    index = np.arange(70_000)
    first, second = counter_rng.integers(index, 7, 0, 1), counter_rng.integers(index, 7, 1, 0)
    table = np.histogram2d(first, second, bins=7)[0]
    assert ((table - 70_000 / 49) ** 2 / (70_000 / 49)).sum() < 48 + 6 * np.sqrt(2 * 48)
    np.testing.assert_array_equal(counter_rng.integers(index[500:600], 7, 0, 1), first[500:600])
    assert counter_rng.integers(np.arange(8), 100, 3).tolist() == [0, 12, 26, 21, 75, 51, 24, 3]
