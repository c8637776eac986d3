"""Measure images against a reference: the real training split of a data set, in every feature space of a profile.

A `Reference` is built once per profile and data set. `evaluate` measures n images, fake or real, and the functions of
`capabilities` whatever else a model can do. Together they make metrics.json (and floor.json, where real test
images take the place of samples):

    device                      "cpu" or "cuda"
    protocol                    its number (`evaluation.protocol_number`)
    outcome, reason             "finished" and null; a run that diverged has "diverged", its reason, n 0 and no figures
    n, n_real, reference_split  images measured, reference images, and their split ("train")
    spaces.<space>              hash, distance (what tables call fd: "FD-clf", "FD-Lite0", "FID"), n, n_real (for fd),
                                n_subset (real images for kid), n_neighbours (real images and samples for precision to
                                coverage), fd, kid, precision, recall, density, coverage; fd_se and kid_se, standard
                                errors over samples, the reference held fixed; fd_test, from the test split (n_test
                                images); is (mean, std, splits, n) in the Inception space. Where several networks
                                judge, each figure is the mean over them: spread.<figure>, the standard deviation over
                                judges, and judges.<judge>.<figure>
                                fd_infinity, in the first space, of rows of which many samples (n_infinity) are drawn
    is                          mean, std, splits, n, space: from the data set's classifier, if its space is present
    modes                       shares (of the classes, in order), missing (count), ideal, tv, counted, kl, n, space: as
                                `is`
    label_accuracy              rate, classes (of each), n, space: of samples drawn by label, and in the floor
    duplicates                  rate, threshold, n
    nearest_train               mean, median, ratio, copies, n, n_real
    reconstruction              ssim, ms_ssim, psnr, mse, n, split ("test"), and fd.<space>, the Frechet distance of the
                                reconstructions from the reference: if the model can reconstruct
    translation                 l1, ssim, ms_ssim, psnr, mse of translated sources against their true partners, n, split
                                ("test"); identity: the same figures of the sources left as they are. If the model
                                translates, and the partners are known
    cycle                       l1 of test sources translated there and back from themselves, n, split ("test"): if the
                                model translates back
    rate                        nats, active, latents, n, split ("test"): if the model's latents have a posterior
    decomposition               mutual_information, total_correlation, dimension_kl, n, split ("test"): the rate in
                                three, if the posterior is a normal one
    clustering                  accuracy, categories, n, split ("test"): if the model has categories of its own
    codebook                    perplexity, used, codes, n, split: if the model has a codebook
    bits_per_dimension, n_test  if the model bounds its likelihood; over how many test images
    estimated_bits_per_dimension if the model estimates its likelihood, without bounding it; over n_test images too
    exact_bits_per_dimension    if the model knows its likelihood exactly; over n_test images too

Each metric's file says what its figures mean. A figure that is not finite is written as null. Features are float32.
The networks that extract them, and what compares pairs of images or features, run on `device`, the rest on the CPU. Two
evaluations on one device give the same figures. Those of a GPU are meant to be the CPU's to 1e-3, relative, but for
counts of neighbours at the edge of a ball; no GPU has been tried yet.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from paragone.data.base import ImageSet
from paragone.engine import checkpoint
from paragone.engine.seeding import Stream, generator
from paragone.evaluation import spaces
from paragone.evaluation.extractors.base import Extractor, Features
from paragone.evaluation.metrics import nearest
from paragone.evaluation.metrics.base import (
    Classified,
    Conditional,
    Embedded,
    Pixels,
    Predicted,
    Statistics,
    View,
)
from paragone.evaluation.metrics.frechet import frechet_distance
from paragone.evaluation.protocol_number import PROTOCOL, problem
from paragone.evaluation.spaces import Real, Space, choose
from paragone.project import files, registry

FEWEST = 16  # images that an evaluation takes
POOL = 60_000  # training images searched for the nearest


class EvaluationError(ValueError):
    """Images and reference do not fit together."""


class Reference(NamedTuple):
    """What a profile's images are compared with on one data set."""

    about: dict[str, Any]  # reference.json
    spaces: dict[str, Space]
    train: Tensor  # (M,H,W,C) uint8, searched for nearest images
    test_nearest: Tensor  # (T,) float64, from test images to the nearest training image


def load_extractors(root: Path, dataset: str, names: Iterable[str]) -> dict[str, Extractor]:
    """The feature spaces of a profile (file names in paragone/evaluation/extractors) by their full names."""
    found = [registry.load("extractors", name).load(root, dataset) for name in names]
    return {extractor.name: extractor for extractor in found}


def build(
    extractors: Mapping[str, Extractor], train: ImageSet, test: ImageSet, n: int, device: torch.device
) -> Reference:
    """The reference for evaluating n images per run. Raises EvaluationError for sets too small to compare with."""
    for split, images in (("train", train.images), ("test", test.images)):
        if len(images) < FEWEST:
            raise EvaluationError(
                f"the {split} split holds {len(images)} images; an evaluation needs at least {FEWEST}"
            )
    pool = choose(train.images, POOL)
    alike = choose(train.images, n)  # as many real images as fakes: nearest distances shrink with their number
    known = {
        name: spaces.build(extractor, train.images, test.images, n, device) for name, extractor in extractors.items()
    }
    about = {
        "protocol": PROTOCOL,
        "split": "train",
        "n": len(train.images),
        "n_test": len(test.images),
        "shape": list(train.spec.shape),
        "samples": n,
        "shares": None if train.labels is None else _shares(train.labels, train.spec.classes),
        "spaces": {name: _about(extractors[name], space) for name, space in known.items()},
        "pool": len(pool),
        "duplicates": {"threshold": nearest.quantile(nearest.nearest_distances(alike.to(device))), "n": len(alike)},
    }
    test_nearest = nearest.nearest_distances(choose(test.images, max(n, 1000)).to(device), pool).cpu()
    return Reference(about, known, pool, test_nearest)


def _shares(labels: Tensor, classes: int) -> list[float]:
    counts: list[float] = torch.bincount(labels, minlength=classes).double().div(len(labels)).tolist()
    return counts


def _about(extractor: Extractor, space: Space) -> dict[str, Any]:
    return {
        "hash": extractor.hash,
        "weights": extractor.weights,
        "preprocessing": extractor.preprocessing,
        "distance": extractor.distance,
        "dim": extractor.dim,
        "n": space.first.statistics.n,
        "n_test": space.first.test.n,
        "n_subset": len(space.first.subset),
        **extractor.lineage,
    }


def save(folder: Path, reference: Reference) -> None:
    """Write one safetensors file a space, nearest.safetensors, and last reference.json."""
    for name, space in reference.spaces.items():
        spaces.save(folder / f"{name}.safetensors", space)
    checkpoint.save(folder / "nearest.safetensors", {"test": reference.test_nearest}, {"n": reference.about["n"]})
    files.write_json(folder / "reference.json", reference.about)


def load(folder: Path, extractors: Mapping[str, Extractor], train: ImageSet) -> Reference:
    """Read what `save` wrote from the same `train` split. Raises EvaluationError if something changed since."""
    about = files.read_json(folder / "reference.json")
    remedy = "build the reference again (paragone reference)"
    if wrong := problem(folder / "reference.json", about, remedy):
        raise EvaluationError(wrong)
    if about["n"] != len(train.images) or about["shape"] != list(train.spec.shape):
        raise EvaluationError(f"{folder}: was built from another training split than the prepared one; {remedy}")
    known = {}
    for name, extractor in extractors.items():
        built = about["spaces"].get(name, {}).get("hash")
        if built != extractor.hash:
            raise EvaluationError(
                f"{folder / 'reference.json'}: has hash {built} for '{name}', the extractor {extractor.hash}; {remedy}"
            )
        known[name] = spaces.load(folder / f"{name}.safetensors")
    distances = checkpoint.load(folder / "nearest.safetensors")[0]["test"]
    return Reference(about, known, choose(train.images, POOL), distances)


def evaluate(
    images: Tensor,
    reference: Reference,
    extractors: Mapping[str, Extractor],
    device: torch.device,
    labels: Tensor | None = None,
) -> dict[str, Any]:
    """Every metric of uint8 images (n,H,W,C), and of the labels (n,) they were asked to have, if any: the module's
    schema without capabilities. Raises EvaluationError.
    """
    about = reference.about
    _check(images, about["shape"])
    result: dict[str, Any] = {
        "device": device.type,
        "protocol": PROTOCOL,
        "outcome": "finished",
        "reason": None,
        "n": len(images),
        "n_real": about["n"],
        "reference_split": about["split"],
        "spaces": {},
    }
    for name, space in reference.spaces.items():
        extractor = extractors[name]
        features = extractor.extract(images, device)
        result["spaces"][name] = {
            "hash": extractor.hash,
            "distance": extractor.distance,
            "n": len(images),
            "n_real": space.first.statistics.n,
            "n_test": space.first.test.n,
            "n_subset": len(space.first.subset),
            **spaces.over_judges(space, features.values, partial(_embedded, device=device)),
        }
        classes = _classes(extractor, features, about["shares"], labels)
        (result if extractor.confusion is not None else result["spaces"][name]).update(classes)
    threshold = about["duplicates"]["threshold"]
    return result | measure(Pixels(images.to(device), reference.train, reference.test_nearest, threshold))


def _check(images: Tensor, shape: list[int]) -> None:
    """Raise EvaluationError unless these are images of that shape (C,H,W), and enough of them."""
    c, h, w = shape
    if images.dtype != torch.uint8 or tuple(images.shape[1:]) != (h, w, c):
        found = "x".join(map(str, images.shape[1:]))
        raise EvaluationError(f"images are {found} {images.dtype}, the reference is of {h}x{w}x{c} torch.uint8")
    if len(images) < FEWEST:
        raise EvaluationError(f"{len(images)} images are too few to evaluate; take at least {FEWEST}")


def _embedded(real: Real, fake: Tensor, device: torch.device) -> dict[str, Any]:
    real = real.to(device)
    return measure(Embedded(real.statistics, real.subset, fake.to(device), real.prepared, real.test))


def _classes(
    extractor: Extractor, features: Features, shares: list[float] | None, labels: Tensor | None
) -> dict[str, Any]:
    """What the classes that an extractor tells apart say, if it tells any: each a dict that names the space."""
    if features.logits is None:
        return {}
    order = torch.randperm(len(features.logits), generator=generator(0, Stream.EVALUATE))
    result = measure(Predicted(features.logits[order]))
    if extractor.confusion is not None and shares is not None:
        real = torch.tensor(shares, dtype=torch.float64)
        result |= measure(Classified(features.logits, extractor.confusion, real))
    if extractor.confusion is not None and labels is not None:
        result |= measure(Conditional(features.logits, labels))
    return {key: {**value, "space": extractor.name} for key, value in result.items()}


def measure(view: View) -> dict[str, Any]:
    """Every metric that needs this view."""
    result: dict[str, Any] = {}
    for name in registry.names("metrics"):
        module = registry.load("metrics", name)
        if module.needs is type(view):
            result |= module.compute(view)
    return result


def distances(
    images: Tensor, reference: Reference, extractors: Mapping[str, Extractor], device: torch.device
) -> dict[str, float]:
    """The Frechet distance of uint8 images (n,H,W,C) in every space."""
    found = {}
    for name, space in reference.spaces.items():
        features = extractors[name].extract(images, device).values
        found[name] = float(spaces.over_judges(space, features, _distance)["fd"])
    return found


def _distance(real: Real, fake: Tensor) -> dict[str, float]:
    return {"fd": frechet_distance(real.statistics, Statistics.of(fake))}


def diverged(reason: str | None) -> dict[str, Any]:
    """The metrics of a run that ended in NaN or infinity: none."""
    return {"protocol": PROTOCOL, "outcome": "diverged", "reason": reason, "n": 0, "spaces": {}}
