"""Do samples come nearer to training images than to images that the model never saw?

Of each sample: its distances to the nearest and the second nearest training image, and to the nearest test image, in
pixels (root mean squared difference, as in `metrics.nearest`) and between features of the data set's
classifier. From these, for a set of samples:
- `ratio`: median distance to the nearest training image over that of real test images: 1 for unseen data. It also falls
  where images are merely smooth, or typical.
- `near_copies`: share of samples nearer to one training image than a third of the distance to the second nearest, the
  criterion of Yoon et al. 2023, as Gu et al. 2023 use it (https://arxiv.org/abs/2310.02664).
- `nearer`: share of samples nearer to a training image than any real test image is.
- `excess`: how much more often than by chance the nearest real image is a training image: (s - q) / (1 - q) of the
  share s, where q is the training images' share of all real images. A model that did not see which real images were for
  training has s = q on average, however smooth its samples are; copies have 1. The idea of Meehan et al. 2020
  (https://arxiv.org/abs/2004.05675), by nearest neighbours.

Many samples may have the same nearest image, so s says less than their number suggests, and further seeds say little
more. The interval of the excess is therefore over which of the real images were for training: had they been drawn
otherwise, s would vary by q (1 - q) sum c^2 / n^2, where c of the n samples have the same nearest image.

Controls say what the same figures are of images whose history is known: test images (each compared with the others),
test images blurred, training images copied, copied with noise, and a few copies among test images. The classifier was
trained on the training images, so its features may lie nearer to these for that reason: pixels decide.
"""

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from paragone.data import base as datasets
from paragone.engine import hardware, sampling
from paragone.engine.seeding import Stream, generator
from paragone.evaluation import protocol
from paragone.evaluation.extractors.base import Extractor
from paragone.evaluation.spaces import choose
from paragone.evaluation.studies.base import Work
from paragone.project import paths

SPACE = "classifier"
THIRD = 1 / 3
NORMAL = 1.96  # standard deviations to either side hold 95 %
BLOCK = 1024


@dataclass(frozen=True, kw_only=True)
class Options:
    rows: tuple[str, ...] = ("vae", "dcgan", "ddpm")  # one of each family
    n: int = 1000  # samples of each run, and images of each control, at most
    blur: float = 1.0  # standard deviation, pixels
    noise: float = 8.0  # standard deviation, grey levels
    leak: float = 0.05  # of the mixture are copies
    shown: int = 10  # pairs in the grid of images


class Real(NamedTuple):
    """The real images as points of one space."""

    train: Tensor  # (M,D)
    test: Tensor  # (T,D)
    unseen: Tensor  # (T,) from each test image to the nearest training image


class Near(NamedTuple):
    """Distances of N queries (N,)."""

    first: Tensor  # to the nearest training image
    second: Tensor  # to the second nearest
    unseen: Tensor  # to the nearest test image
    train: Tensor  # which training image is nearest
    test: Tensor  # which test image


def depends(work: Work) -> list[Path]:
    """The rows' samples, the real data and the classifier."""
    runs = [run for row in work.options.rows for run in work.runs(row)]
    of_data = [f(run.dataset) for run in runs for f in (paths.prepared, paths.classifier)]
    return [*dict.fromkeys(of_data), *(run.samples for run in runs)]


def measure(work: Work) -> dict[str, Any]:
    """{data set: {controls: {name: {pixels, features}}, rows: {row: {runs: [{seed, n, pixels, features}], pooled:
    {"pixels" | "features": the excess of all seeds}}}, grids: {row: PNG}}}."""
    options: Options = work.options
    found = {}
    for dataset in work.datasets:
        runs = {row: _finished(work, row, dataset) for row in options.rows}
        if any(runs.values()):
            found[dataset] = _of_dataset(work, dataset, {row: finished for row, finished in runs.items() if finished})
    if not found:
        raise ValueError(f"{', '.join(options.rows)}: no run left samples; choose other rows for the study")
    names = ("n", "blur", "noise", "leak")
    return {
        "rows": list(options.rows),
        "seeds": work.seeds,
        **{name: getattr(options, name) for name in names},
        "datasets": found,
    }


def _finished(work: Work, row: str, dataset: str) -> list[paths.Run]:
    runs = [run for run in work.runs(row) if run.dataset == dataset]
    return [run for run in runs if np.load(work.root / run.samples, mmap_mode="r").size]


def _of_dataset(work: Work, dataset: str, runs: dict[str, list[paths.Run]]) -> dict[str, Any]:
    options: Options = work.options
    prepared = work.root / paths.prepared(dataset)
    train, test = (datasets.load(prepared, split).images for split in ("train", "test"))
    (extractor,) = protocol.load_extractors(work.root, dataset, [SPACE]).values()
    spaces = {"pixels": None, "features": extractor}
    real = {name: real_points(train, test, space) for name, space in spaces.items()}

    def placed(images: Tensor, origin: Tensor | None = None) -> dict[str, Near]:
        return {name: near(points(images, space), real[name], origin) for name, space in spaces.items()}

    def measured(found: dict[str, Near], origin: Tensor | None = None) -> dict[str, dict[str, float]]:
        return {name: figures(found[name], real[name], origin) for name in spaces}

    rows, grids = {}, {}
    for row, finished in runs.items():
        samples = [choose(torch.from_numpy(np.load(work.root / run.samples)), options.n) for run in finished]
        found = [placed(images) for images in samples]
        rows[row] = {
            "runs": [
                {"seed": run.seed, "n": len(images), **measured(placement)}
                for run, images, placement in zip(finished, samples, found, strict=True)
            ],
            "pooled": {name: excess([placement[name] for placement in found], real[name]) for name in spaces},
        }
        grids[row] = _pairs_grid(samples[0], train, found[0]["pixels"], options.shown)
    return {
        "n_train": len(train),
        "n_test": len(test),
        "chance": len(train) / (len(train) + len(test)),
        "space": extractor.name,
        "controls": {
            name: {"n": len(images), **measured(placed(images, origin), origin)}
            for name, (images, origin) in _controls(train, test, options).items()
        },
        "rows": rows,
        "grids": grids,
    }


def points(images: Tensor, extractor: Extractor | None = None) -> Tensor:
    """Pixels around 0 in [-0.5,0.5], or features: (N,D) float32, scaled so that squared distances are means over D."""
    if extractor is not None:
        values = extractor.extract(images, hardware.device()).values
    else:
        values = images.flatten(1).float() / 255 - 0.5
    return values / values.shape[1] ** 0.5


def real_points(train: Tensor, test: Tensor, extractor: Extractor | None = None) -> Real:
    """The real images (N,H,W,C) as points; in pixels without an extractor."""
    seen, held_out = points(train, extractor), points(test, extractor)
    return Real(seen, held_out, _smallest(held_out, seen, 1)[0][:, 0])


def _smallest(queries: Tensor, pool: Tensor, k: int, skip: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Distances (N,k) to the k nearest of the pool, rising, and their indices; skip (N,): one that does not count.

    The search is in float32, the distances themselves are exact: a copy is at 0.
    """
    found, index = [], []
    for i, part in enumerate(queries.split(BLOCK)):
        d = torch.addmm(pool.square().sum(1), part, pool.T, alpha=-2)  # (B,M), less |part|^2
        if skip is not None:
            d.scatter_(1, skip[i * BLOCK : i * BLOCK + len(part), None], torch.inf)
        at = d.topk(min(k + 2, len(pool)), largest=False).indices  # a few more: float32 may swap neighbours
        exact = (part[:, None] - pool[at]).double().square().sum(2).sqrt()  # (B,k+2)
        if skip is not None:
            exact[at == skip[i * BLOCK : i * BLOCK + len(part), None]] = torch.inf
        order = exact.argsort(1)[:, :k]
        found.append(exact.gather(1, order))
        index.append(at.gather(1, order))
    return torch.cat(found), torch.cat(index)


def near(queries: Tensor, real: Real, origin: Tensor | None = None) -> Near:
    """Nearest real images of queries (N,D); origin (N,): test images that they are, or are made from."""
    to_train, train = _smallest(queries, real.train, 2)
    to_test, test = _smallest(queries, real.test, 1, origin)
    return Near(to_train[:, 0], to_train[:, 1], to_test[:, 0], train[:, 0], test[:, 0])


def figures(found: Near, real: Real, origin: Tensor | None = None) -> dict[str, float]:
    """ratio, near_copies, nearer and excess: see the module."""
    return {
        "ratio": float(found.first.median() / real.unseen.median()),
        "near_copies": float(near_copies(found).double().mean()),
        "nearer": float((found.first < real.unseen.min()).double().mean()),
        "excess": excess([found], real, origin)["value"],
    }


def near_copies(found: Near) -> Tensor:
    """Which of the queries (N,) are nearer to one training image than a third of the distance to the second."""
    return found.first < THIRD * found.second


def excess(sets: Sequence[Near], real: Real, origin: Tensor | None = None) -> dict[str, float]:
    """value, and low and high of its interval at 95 %, of sets of samples together; n, how many real images are the
    nearest to one."""
    m = len(real.train)
    q = m / (m + len(real.test) - (origin is not None))
    winner = torch.cat([torch.where(found.first < found.unseen, found.train, m + found.test) for found in sets])
    share = float((winner < m).double().mean())
    counts = winner.unique(return_counts=True)[1].double()  # c
    spread = math.sqrt(q * (1 - q) * float(counts.square().sum())) / len(winner)
    value, half = (share - q) / (1 - q), NORMAL * spread / (1 - q)
    return {"value": value, "low": value - half, "high": value + half, "n": len(counts)}


def _controls(train: Tensor, test: Tensor, options: Options) -> dict[str, tuple[Tensor, Tensor | None]]:
    """Images (N,H,W,C) uint8 by name, and for each the test image that it is made from, if it is."""
    order = torch.randperm(len(train), generator=generator(0, Stream.EVALUATE))[: min(options.n, len(test))]
    copies, origin = train[order], torch.arange(len(order))
    unseen = test[: len(order)]
    noise = torch.randn(copies.shape, generator=generator(0, Stream.EVALUATE, 1)) * options.noise
    blurred = ndimage.gaussian_filter(unseen.numpy(), (0, options.blur, options.blur, 0))
    few = round(options.leak * len(order))
    return {
        "unseen": (unseen, origin),
        "blurred": (torch.from_numpy(blurred), origin),
        "copied": (copies, None),
        "copied with noise": ((copies + noise).round().clamp(0, 255).to(torch.uint8), None),
        "some copied": (torch.cat([copies[:few], unseen[few:]]), origin),
    }


def _pairs_grid(samples: Tensor, train: Tensor, found: Near, shown: int) -> str:
    """The samples that come nearest to a training image by the criterion of near-copies, each above that image: a PNG
    in base64."""
    chosen = (found.first / found.second).argsort()[:shown]
    pairs = torch.cat([samples[chosen], train[found.train[chosen]]])
    buffer = io.BytesIO()
    sampling.sample_grid(pairs.numpy(), columns=len(chosen), rows=2).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()
