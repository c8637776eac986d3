"""What scores cannot see: real test images beside a few of them repeated, and beside other sets that lack something.

Sets of equal size. `real`: test images, as many of each class. `repeated`: a few of a class, over and over: no
diversity, and every image real. `blurred`: the real ones without their detail. `dropped`: real ones of half of the
classes, twice as many of each. `foreign`: test images of another data set of the profile, the first that has the same
side, turned to grey or repeated in each channel where it takes that. Each gets the Inception Score of the data set's
classifier, the Frechet distance, coverage, and
- `ssim`: the mean SSIM of its images to blurred copies of themselves, which is what SSIM says of a reconstruction that
  loses detail;
- `pairs`: the mean MS-SSIM of random pairs of its images of one class, by which Odena et al. 2017 measure diversity
  (https://arxiv.org/abs/1610.09585, section 4.2; here of test images, and on as many scales as the side allows).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from scipy import ndimage
from torch import Tensor

from paragone.data import base as datasets
from paragone.data.base import ImageSet
from paragone.engine import hardware
from paragone.engine.seeding import Stream, generator
from paragone.evaluation import protocol
from paragone.evaluation.extractors.base import Extractor
from paragone.evaluation.metrics.base import Statistics
from paragone.evaluation.metrics.frechet import frechet_distance
from paragone.evaluation.metrics.inception_score import inception_score
from paragone.evaluation.metrics.ms_ssim import ms_ssim
from paragone.evaluation.metrics.prdc import prdc
from paragone.evaluation.metrics.ssim import ssim
from paragone.evaluation.spaces import Real, Space, over_judges
from paragone.evaluation.studies.base import Work
from paragone.project import paths

SPACE = "classifier"
GREY = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601)


@dataclass(frozen=True, kw_only=True)
class Options:
    n: int = 500  # images a set
    kept: int = 3  # different images per class in the repeated set
    sigma: float = 1.5  # of the blur, pixels
    draws: int = 5
    pairs: int = 500  # of images of one class, for MS-SSIM


class Group(NamedTuple):
    """Images (N,H,W,C) uint8, and the class (N,) of each, by which pairs are formed."""

    images: Tensor
    labels: Tensor


def depends(work: Work) -> list[Path]:
    """The real data, the classifier and the reference."""
    return [
        f for d in work.datasets for f in (paths.prepared(d), paths.classifier(d), paths.reference(work.profile, d))
    ]


def measure(work: Work) -> dict[str, Any]:
    """{data set: {sets: {"real" | "repeated" | "blurred" | "dropped" | "foreign": [{draw, is, fd, coverage, ssim,
    pairs}]}, foreign: the other data set, or null}}; left_out: {data set: why}."""
    options = work.options
    found: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    for dataset in work.datasets:
        test = datasets.load(work.root / paths.prepared(dataset), "test")
        if reason := _unfit(test.labels, options):
            left_out[dataset] = reason
        else:
            found[dataset] = _of_dataset(work, dataset, test)
    if not found:
        raise ValueError(
            f"study blind_scores: no data set is fit for it: {'; '.join(map(': '.join, left_out.items()))}"
        )
    settings = {key: getattr(options, key) for key in ("n", "kept", "sigma", "draws", "pairs")}
    return {**settings, "datasets": found, "left_out": left_out}


def _of_dataset(work: Work, dataset: str, test: ImageSet) -> dict[str, Any]:
    options = work.options
    train = datasets.load(work.root / paths.prepared(dataset), "train")
    (extractor,) = protocol.load_extractors(work.root, dataset, [SPACE]).values()
    loaded = protocol.load(work.root / paths.reference(work.profile, dataset), {extractor.name: extractor}, train)
    space = loaded.spaces[extractor.name]
    other, foreign = _foreign(work, dataset, test)
    rows: dict[str, list[dict[str, float]]] = {}
    for draw in range(options.draws):
        sets = _sets(test, options, draw)
        if foreign is not None:
            order = torch.randperm(len(foreign), generator=generator(draw, Stream.EVALUATE))
            images = foreign[order[: len(sets["real"].images)]]
            sets["foreign"] = Group(images, torch.zeros(len(images), dtype=torch.int64))
        for name, group in sets.items():
            rows.setdefault(name, []).append({"draw": draw, **_scores(group, space, extractor, options)})
    return {"space": extractor.name, "n_real": space.first.statistics.n, "foreign": other, "sets": rows}


def _unfit(labels: Tensor | None, options: Options) -> str:
    """Why a data set cannot be measured: no classes, or too many for a set to hold any of them repeated, or too few
    images of one to stand for a dropped one too; else ""."""
    if labels is None:
        return "it has no labels"
    counts = labels.unique(return_counts=True)[1]
    a_class = options.n // len(counts)
    if a_class < 2 * options.kept:
        return f"{options.n} images of {len(counts)} classes leave fewer than {2 * options.kept} each; raise n"
    if (fewest := int(counts.min())) < 2 * a_class:
        return f"a class has {fewest} test images, and half of the classes take {2 * a_class} of each; lower n"
    return ""


def _foreign(work: Work, dataset: str, test: ImageSet) -> tuple[str | None, Tensor | None]:
    """The first other data set of the profile whose images have the same side, and its test images as this one's."""
    for other in work.datasets:
        if other != dataset:
            images = datasets.load(work.root / paths.prepared(other), "test").images
            if images.shape[1:3] == test.images.shape[1:3] and len(images) >= work.options.n:
                return other, _in_channels(images, test.images.shape[3])
    return None, None


def _in_channels(images: Tensor, channels: int) -> Tensor:
    """uint8 (N,H,W,C) with one channel or three."""
    if images.shape[3] == channels:
        return images
    if channels == 1:
        return (images * torch.tensor(GREY)).sum(3, keepdim=True).round().to(torch.uint8)
    return images.expand(-1, -1, -1, channels)


def _sets(test: ImageSet, options: Options, draw: int) -> dict[str, Group]:
    images, labels = test.images, test.labels
    assert labels is not None
    order = torch.randperm(len(images), generator=generator(draw, Stream.EVALUATE))
    classes = labels.unique()
    a_class = options.n // len(classes)
    kept = classes[torch.randperm(len(classes), generator=generator(draw, Stream.EVALUATE, 1))][: len(classes) // 2]
    more = options.n // max(1, len(kept))  # of each class, where half are dropped
    real, repeated, dropped = [], [], []
    for c in classes:
        of_class = order[labels[order] == c]
        real.append(of_class[:a_class])
        repeated.append(of_class[: options.kept].repeat(-(-a_class // options.kept))[:a_class])
        if c in kept:
            dropped.append(of_class[:more])
    index = {"real": torch.cat(real), "repeated": torch.cat(repeated), "dropped": torch.cat(dropped)}
    sets = {name: Group(images[at], labels[at]) for name, at in index.items()}
    return sets | {"blurred": sets["real"]._replace(images=_blur(sets["real"].images, options.sigma))}


def _blur(images: Tensor, sigma: float) -> Tensor:
    """uint8 (N,H,W,C), without its detail."""
    return torch.from_numpy(ndimage.gaussian_filter(images.numpy(), (0, sigma, sigma, 0)))


def _scores(group: Group, space: Space, extractor: Extractor, options: Options) -> dict[str, float]:
    order = torch.randperm(len(group.images), generator=generator(0, Stream.EVALUATE))
    images = group.images[order]  # the score is taken over splits, which must not be sorted by class
    features = extractor.extract(images, hardware.device())
    assert features.logits is not None
    found = over_judges(space, features.values, _distance_and_coverage)
    return {
        "is": inception_score(features.logits)[0],
        "fd": found["fd"],
        "coverage": found["coverage"],
        "ssim": float(ssim(images, _blur(images, options.sigma)).mean()),
        "pairs": _pairs(group, options.pairs),
    }


def _pairs(group: Group, n: int) -> float:
    """Mean MS-SSIM of n random pairs, each of two places of the set that hold one class."""
    draw = generator(0, Stream.EVALUATE, 2)
    first = torch.randint(len(group.labels), (n,), generator=draw)
    alike = group.labels[first, None] == group.labels  # (n,N)
    alike[torch.arange(n), first] = False
    second = torch.multinomial(alike.double(), 1, generator=draw)[:, 0]
    return float(ms_ssim(group.images[first], group.images[second]).mean())


def _distance_and_coverage(real: Real, features: Tensor) -> dict[str, float]:
    fd = frechet_distance(real.statistics, Statistics.of(features))
    return {"fd": fd, "coverage": prdc(real.subset[: len(features)], features)["coverage"]}
