"""What scores cannot see: real test images beside a few of them repeated, and beside blurred ones.

Three sets of equal size and equal classes. `real`: test images. `repeated`: a few of a class, over and over: no
diversity, and every image real. `blurred`: the real ones without their detail. Each gets the Inception Score of the
data set's classifier, the Frechet distance, coverage, and the mean SSIM of its images to blurred copies of themselves,
which is what SSIM says of a reconstruction that loses detail.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from scipy import ndimage
from torch import Tensor

from paragone.data import base as datasets
from paragone.engine import hardware
from paragone.engine.seeding import Stream, generator
from paragone.evaluation import protocol
from paragone.evaluation.extractors.base import Extractor
from paragone.evaluation.metrics.base import Statistics
from paragone.evaluation.metrics.frechet import frechet_distance
from paragone.evaluation.metrics.inception_score import inception_score
from paragone.evaluation.metrics.prdc import prdc
from paragone.evaluation.metrics.ssim import ssim
from paragone.evaluation.spaces import Real, Space, over_judges
from paragone.evaluation.studies.base import Work
from paragone.project import paths

SPACE = "classifier"


@dataclass(frozen=True, kw_only=True)
class Options:
    n: int = 500  # images a set
    kept: int = 3  # different images per class in the repeated set
    sigma: float = 1.5  # of the blur, pixels
    draws: int = 5


def depends(work: Work) -> list[Path]:
    """The real data, the classifier and the reference."""
    return [
        f for d in work.datasets for f in (paths.prepared(d), paths.classifier(d), paths.reference(work.profile, d))
    ]


def measure(work: Work) -> dict[str, Any]:
    """{data set: {"real" | "repeated" | "blurred": [{draw, is, fd, coverage, ssim}]}}; left_out: {data set: why}."""
    options, device = work.options, hardware.device()
    found: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    for dataset in work.datasets:
        prepared = work.root / paths.prepared(dataset)
        train, test = datasets.load(prepared, "train"), datasets.load(prepared, "test")
        if reason := _unfit(test.labels, options):
            left_out[dataset] = reason
            continue
        assert test.labels is not None
        (extractor,) = protocol.load_extractors(work.root, dataset, [SPACE]).values()
        loaded = protocol.load(work.root / paths.reference(work.profile, dataset), {extractor.name: extractor}, train)
        space = loaded.spaces[extractor.name]
        rows: dict[str, list[dict[str, float]]] = {"real": [], "repeated": [], "blurred": []}
        for draw in range(options.draws):
            for name, images in _sets(test.images, test.labels, options, draw).items():
                rows[name].append({"draw": draw, **_scores(images, space, extractor, options.sigma, device)})
        found[dataset] = {"space": extractor.name, "n_real": space.first.statistics.n, "sets": rows}
    if not found:
        raise ValueError(
            f"study blind_scores: no data set is fit for it: {'; '.join(map(': '.join, left_out.items()))}"
        )
    settings = {"n": options.n, "kept": options.kept, "sigma": options.sigma, "draws": options.draws}
    return {**settings, "datasets": found, "left_out": left_out}


def _unfit(labels: Tensor | None, options: Options) -> str:
    """Why a data set cannot be measured: no classes, or too many for a set to hold any of them repeated; else ""."""
    if labels is None:
        return "it has no labels"
    classes = len(labels.unique())
    if options.n // classes < 2 * options.kept:
        return f"{options.n} images of {classes} classes leave fewer than {2 * options.kept} each; raise n"
    return ""


def _sets(images: Tensor, labels: Tensor, options: Options, draw: int) -> dict[str, Tensor]:
    order = torch.randperm(len(images), generator=generator(draw, Stream.EVALUATE))
    classes = labels.unique()
    a_class = options.n // len(classes)
    real, repeated = [], []
    for c in classes:
        of_class = order[labels[order] == c]
        real.append(of_class[:a_class])
        repeated.append(of_class[: options.kept].repeat(-(-a_class // options.kept))[:a_class])
    kept = images[torch.cat(real)]
    return {"real": kept, "repeated": images[torch.cat(repeated)], "blurred": _blur(kept, options.sigma)}


def _blur(images: Tensor, sigma: float) -> Tensor:
    """uint8 (N,H,W,C), without its detail."""
    return torch.from_numpy(ndimage.gaussian_filter(images.numpy(), (0, sigma, sigma, 0)))


def _scores(images: Tensor, space: Space, extractor: Extractor, sigma: float, device: torch.device) -> dict[str, float]:
    order = torch.randperm(len(images), generator=generator(0, Stream.EVALUATE))
    images = images[order]  # the score is taken over splits, which must not be sorted by class
    features = extractor.extract(images, device)
    assert features.logits is not None
    found = over_judges(space, features.values, _distance_and_coverage)
    return {
        "is": inception_score(features.logits)[0],
        "fd": found["fd"],
        "coverage": found["coverage"],
        "ssim": float(ssim(images, _blur(images, sigma)).mean()),
    }


def _distance_and_coverage(real: Real, features: Tensor) -> dict[str, float]:
    fd = frechet_distance(real.statistics, Statistics.of(features))
    return {"fd": fd, "coverage": prdc(real.subset[: len(features)], features)["coverage"]}
