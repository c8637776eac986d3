"""Statistics of features as an .npz with the arrays `mu` and `sigma`: how pytorch-fid, ADM, EDM and others keep them.

A published reference is used as it is: its mean and covariance, in the feature space that whoever brings it names. What
was done to its images, and how many there were, the file does not say.
"""

import zipfile
from pathlib import Path

import numpy as np
import torch

from paragone.evaluation.metrics.base import Statistics
from paragone.project import files

MEAN, COVARIANCE = "mu", "sigma"
SYMMETRIC = 1e-6  # of the largest entry: what rounding may leave between sigma and its transpose


class StatisticsError(ValueError):
    """A file holds no statistics that can be used."""


def write(path: Path, statistics: Statistics, space: str, extractor: str) -> None:
    """Write mu (D,), sigma (D,D), and beside them n, the space and its hash, which other readers pass over."""
    mean, cov, n = statistics.mean.numpy(), statistics.cov.numpy(), statistics.n
    files.write(path, lambda temporary: np.savez(temporary, mu=mean, sigma=cov, n=n, space=space, hash=extractor))


def read(path: Path, dim: int, extractor: str = "") -> Statistics:
    """The statistics of D-dimensional features in a file; n is 0 if the file does not say.

    extractor: the hash of the network that they are compared in; a file that names another one is refused. Raises
    StatisticsError.
    """
    if not path.is_file():
        raise StatisticsError(f"{path}: is not there; name an .npz with the arrays {MEAN} and {COVARIANCE}")
    try:
        with np.load(path, allow_pickle=False) as archive:
            if missing := [name for name in (MEAN, COVARIANCE) if name not in archive.files]:
                has = ", ".join(archive.files) or "none"
                raise StatisticsError(
                    f"{path}: has no array '{missing[0]}', only {has}; save the mean and covariance so"
                )
            mean, cov = (np.asarray(archive[name], np.float64) for name in (MEAN, COVARIANCE))
            n = int(archive["n"]) if "n" in archive.files else 0
            made, space = (str(archive[name]) if name in archive.files else "" for name in ("hash", "space"))
    except StatisticsError:
        raise
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise StatisticsError(f"{path}: is no whole .npz of plain numbers ({error}); get it again") from None
    if extractor and made and made != extractor:
        raise StatisticsError(
            f"{path}: was made by network {made} of space {space}, and the one named is {extractor}; name that space, "
            "or export the statistics again"
        )
    if mean.shape != (dim,) or cov.shape != (dim, dim):
        found = f"{'x'.join(map(str, mean.shape))} and {'x'.join(map(str, cov.shape))}"
        raise StatisticsError(
            f"{path}: {MEAN} and {COVARIANCE} are {found}, the space has {dim} dimensions; name its space"
        )
    if not (np.isfinite(mean).all() and np.isfinite(cov).all()):
        raise StatisticsError(f"{path}: holds NaN or infinity; compute it again")
    if not np.allclose(cov, cov.T, atol=SYMMETRIC * np.abs(cov).max()):
        raise StatisticsError(f"{path}: {COVARIANCE} is not symmetric, so it is no covariance; compute it again")
    return Statistics(n, torch.from_numpy(mean), torch.from_numpy(cov))
