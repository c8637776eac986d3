"""Statistics as files: what is written is read, by other programs too; what is no statistics is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from paragone.evaluation import statistics_files
from paragone.evaluation.metrics.base import Statistics
from paragone.evaluation.statistics_files import StatisticsError

KNOWN = Statistics.of(torch.randn(50, 4, generator=torch.Generator().manual_seed(0)))
FINE: dict[str, Any] = {"mu": KNOWN.mean.numpy(), "sigma": KNOWN.cov.numpy()}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    statistics_files.write(tmp_path / "x.npz", KNOWN, "lite0-64", "abc")
    found = statistics_files.read(tmp_path / "x.npz", 4)
    assert found.n == 50
    assert torch.equal(found.mean, KNOWN.mean)
    assert torch.equal(found.cov, KNOWN.cov)
    with np.load(tmp_path / "x.npz") as theirs:  # as pytorch-fid reads one
        assert np.array_equal(theirs["mu"][:], KNOWN.mean.numpy())
        assert np.array_equal(theirs["sigma"][:], KNOWN.cov.numpy())


def test_statistics_of_another_network_are_refused(tmp_path: Path) -> None:
    statistics_files.write(tmp_path / "x.npz", KNOWN, "clf-mnist/a", "abc")
    assert statistics_files.read(tmp_path / "x.npz", 4, "abc").n == 50
    with pytest.raises(StatisticsError, match="was made by network abc of space clf-mnist/a, and the one named is def"):
        statistics_files.read(tmp_path / "x.npz", 4, "def")


def test_a_published_file_says_no_more_than_mu_and_sigma(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **FINE)
    assert statistics_files.read(tmp_path / "x.npz", 4).n == 0


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"mu": FINE["mu"]}, "has no array 'sigma', only mu"),
        ({**FINE, "mu": np.zeros(5)}, "mu and sigma are 5 and 4x4, the space has 4 dimensions"),
        ({**FINE, "sigma": np.triu(np.ones((4, 4)))}, "sigma is not symmetric"),
        ({**FINE, "mu": np.full(4, np.nan)}, "holds NaN or infinity"),
        ({**FINE, "sigma": np.array([{}])}, "is no whole .npz of plain numbers"),
    ],
)
def test_what_is_no_statistics_is_refused(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(StatisticsError, match=message):
        statistics_files.read(tmp_path / "x.npz", 4)
    with pytest.raises(StatisticsError, match="is not there"):
        statistics_files.read(tmp_path / "y.npz", 4)
