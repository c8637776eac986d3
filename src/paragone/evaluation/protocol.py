"""Measure images against a reference: the real training split of a data set, in every feature space of a profile.

A `Reference` is built once per profile and data set. `evaluate` measures n images, fake or real, and
`measure_capabilities` whatever else a model can do. Together they make metrics.json (and floor.json, where real test
images take the place of samples):

    protocol                    its number (`evaluation.protocol_number`)
    outcome, reason             "finished" and null; a run that diverged has "diverged", its reason, n 0 and no figures
    n, n_real, reference_split  images measured, reference images, and their split ("train")
    spaces.<space>              hash, distance (what tables call fd: "FD-clf", "FD-Lite0", "FID"), n, n_real (for fd),
                                n_subset (real images for kid), n_neighbours (real images and samples for precision to
                                coverage), fd, kid, precision, recall, density, coverage; fd_se and kid_se, standard
                                errors over samples, the reference held fixed; fd_test, from the test split (n_test
                                images); is (mean, std, splits, n) in the Inception space
    is                          mean, std, splits, n, space: from the data set's classifier, if its space is present
    modes                       shares (of the classes, in order), missing (count), ideal, tv, counted, kl, n, space: as
                                `is`
    label_accuracy              rate, classes (of each), n, space: of samples drawn by label, and in the floor
    duplicates                  rate, threshold, n
    nearest_train               mean, median, ratio, copies, n, n_real
    reconstruction              ssim, ms_ssim, psnr, mse, n, split ("test"): if the model can reconstruct
    translation                 l1, ssim, ms_ssim, psnr, mse of translated sources against their true partners, n, split
                                ("test"); identity: the same figures of the sources left as they are. If the model
                                translates, and the partners are known
    rate                        nats, active, latents, n, split ("test"): if the model's latents have a posterior
    clustering                  accuracy, categories, n, split ("test"): if the model has categories of its own
    codebook                    perplexity, used, codes, n, split: if the model has a codebook
    bits_per_dimension, n_test  if the model bounds its likelihood; over how many test images
    exact_bits_per_dimension    if the model knows its likelihood exactly; over n_test images too

Each metric's file says what its figures mean. A figure that is not finite is written as null. Everything is computed
on the CPU from float32 features, deterministically.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from paragone.data.base import ImageSet
from paragone.data.pixels import to_float
from paragone.engine import checkpoint, hardware
from paragone.engine.sampling import quantise
from paragone.engine.seeding import Stream, generator, seed_all
from paragone.evaluation.extractors.base import Extractor, Features
from paragone.evaluation.metrics import nearest
from paragone.evaluation.metrics.base import (
    Bounded,
    Classified,
    Clustered,
    Coded,
    Conditional,
    Embedded,
    Encoded,
    Likely,
    Pixels,
    Predicted,
    Reconstructed,
    Statistics,
    Translated,
    View,
)
from paragone.evaluation.protocol_number import PROTOCOL, problem
from paragone.models.base import Model
from paragone.project import files, registry

SUBSET = 10_000  # real images at most for KID, precision, recall, density and coverage, which compare pairs
POOL = 60_000  # training images searched for the nearest
CHUNK = 10_000  # images whose features are held at once while a reference is built
PREPARED = "prepared."  # begins the names of such tensors in a space's file
BATCH = 100  # of a model's reconstructions and bounds


class EvaluationError(ValueError):
    """Images and reference do not fit together."""


class Space(NamedTuple):
    """The real data in one feature space."""

    hash: str  # of the extractor
    statistics: Statistics  # of the whole training split
    subset: Tensor  # (M,D) float32, features of a random part of it, in random order
    test: Statistics  # of the whole test split
    prepared: Mapping[str, Tensor] = MappingProxyType({})  # what metrics need of the real images alone


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


def choose(images: Tensor, n: int) -> Tensor:
    """A random part of n images, the same at every call; all of them, in order, if there are no more than n."""
    if len(images) <= n:
        return images
    index = torch.randperm(len(images), generator=generator(0, Stream.EVALUATE))[:n]
    return images[index.sort().values]


def build(
    extractors: Mapping[str, Extractor], train: ImageSet, test: ImageSet, n: int, device: torch.device
) -> Reference:
    """The reference for evaluating n images per run. Raises EvaluationError for sets too small to compare with."""
    for split, images in (("train", train.images), ("test", test.images)):
        if len(images) < 16:
            raise EvaluationError(f"the {split} split holds {len(images)} images; an evaluation needs at least 16")
    pool = choose(train.images, POOL)
    alike = choose(train.images, n)  # as many real images as fakes: nearest distances shrink with their number
    spaces = {name: _space(extractor, train.images, test.images, n, device) for name, extractor in extractors.items()}
    about = {
        "protocol": PROTOCOL,
        "split": "train",
        "n": len(train.images),
        "n_test": len(test.images),
        "shape": list(train.spec.shape),
        "samples": n,
        "shares": None if train.labels is None else _shares(train.labels, train.spec.classes),
        "spaces": {name: _about(extractors[name], space) for name, space in spaces.items()},
        "pool": len(pool),
        "duplicates": {"threshold": nearest.quantile(nearest.nearest_distances(alike)), "n": len(alike)},
    }
    test_nearest = nearest.nearest_distances(choose(test.images, max(n, 1000)), pool)
    return Reference(about, spaces, pool, test_nearest)


def _space(extractor: Extractor, images: Tensor, test: Tensor, n: int, device: torch.device) -> Space:
    chosen = choose(torch.arange(len(images)), SUBSET)
    statistics, features = _statistics(extractor, images, chosen, device)
    subset = features[torch.randperm(len(features), generator=generator(0, Stream.EVALUATE, 1))]
    held_out, _ = _statistics(extractor, test, chosen[:0], device)
    return Space(extractor.hash, statistics, subset, held_out, _prepare(subset, n))


def _statistics(
    extractor: Extractor, images: Tensor, chosen: Tensor, device: torch.device
) -> tuple[Statistics, Tensor]:
    """Statistics of all images, a chunk at a time, and the features of those chosen, whose places rise."""
    statistics, kept = None, []
    for start in range(0, len(images), CHUNK):
        features = extractor.extract(images[start : start + CHUNK], device).values
        part = Statistics.of(features)
        statistics = part if statistics is None else statistics.merge(part)
        inside = chosen[(chosen >= start) & (chosen < start + CHUNK)]
        kept.append(features[inside - start])
    assert statistics is not None
    return statistics, torch.cat(kept)


def _prepare(subset: Tensor, n: int) -> dict[str, Tensor]:
    """What the metrics compute from the real images alone for n fakes, by name."""
    prepared: dict[str, Tensor] = {}
    for name in registry.names("metrics"):
        prepare = getattr(registry.load("metrics", name), "prepare", None)
        prepared |= prepare(subset, n) if prepare is not None else {}
    return prepared


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
        "n": space.statistics.n,
        "n_test": space.test.n,
        "n_subset": len(space.subset),
    }


def save(folder: Path, reference: Reference) -> None:
    """Write one safetensors file a space, nearest.safetensors, and last reference.json."""
    for name, space in reference.spaces.items():
        tensors = {"mean": space.statistics.mean, "cov": space.statistics.cov, "subset": space.subset}
        tensors |= {"test_mean": space.test.mean, "test_cov": space.test.cov}
        tensors |= {f"{PREPARED}{key}": value for key, value in space.prepared.items()}
        checkpoint.save(
            folder / f"{name}.safetensors",
            tensors,
            {"hash": space.hash, "n": space.statistics.n, "n_test": space.test.n},
        )
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
    spaces = {}
    for name, extractor in extractors.items():
        built = about["spaces"].get(name, {}).get("hash")
        if built != extractor.hash:
            raise EvaluationError(
                f"{folder / 'reference.json'}: has hash {built} for '{name}', the extractor {extractor.hash}; {remedy}"
            )
        tensors, metadata = checkpoint.load(folder / f"{name}.safetensors")
        statistics = Statistics(metadata["n"], tensors["mean"], tensors["cov"])
        test = Statistics(metadata["n_test"], tensors["test_mean"], tensors["test_cov"])
        prepared = {k.removeprefix(PREPARED): v for k, v in tensors.items() if k.startswith(PREPARED)}
        spaces[name] = Space(built, statistics, tensors["subset"], test, prepared)
    distances = checkpoint.load(folder / "nearest.safetensors")[0]["test"]
    return Reference(about, spaces, choose(train.images, POOL), distances)


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
    c, h, w = about["shape"]
    if images.dtype != torch.uint8 or tuple(images.shape[1:]) != (h, w, c):
        found = "x".join(map(str, images.shape[1:]))
        raise EvaluationError(f"images are {found} {images.dtype}, the reference is of {h}x{w}x{c} torch.uint8")
    if len(images) < 16:
        raise EvaluationError(f"{len(images)} images are too few to evaluate; take at least 16")
    result: dict[str, Any] = {
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
            "n_real": space.statistics.n,
            "n_test": space.test.n,
            "n_subset": len(space.subset),
            **measure(Embedded(space.statistics, space.subset, features.values, space.prepared, space.test)),
        }
        classes = _classes(extractor, features, about["shares"], labels)
        (result if extractor.confusion is not None else result["spaces"][name]).update(classes)
    threshold = about["duplicates"]["threshold"]
    return result | measure(Pixels(images, reference.train, reference.test_nearest, threshold))


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


def measure_translation(samples: Tensor, test: ImageSet) -> dict[str, Any]:
    """Translations (N,H,W,C) uint8 of the sources of `test`, in order, against their true partners; empty where these
    are not known. Each source counts once."""
    if test.sources is None or not test.paired:
        return {}
    n = min(len(samples), len(test.images))
    partners, sources = test.images[:n], test.sources[:n]
    found = measure(Translated(partners, samples[:n]))
    return {"translation": {**found, "identity": measure(Translated(partners, sources)), "n": n, "split": "test"}}


def measure_capabilities(
    model: Model, test: Tensor, seed: int, device: torch.device, labels: Tensor | None = None
) -> dict[str, Any]:
    """Reconstruction, rate, categories and likelihood of real test images (N,H,W,C) uint8: those that the model has.

    labels: the images' (N,), for models that take them, and to score categories that a model found without them.
    Latents are drawn from (seed, batch), so the result is the same each time.
    """
    model = hardware.place(model.eval(), device)
    given = [test, labels] if labels is not None and "label" in model.needs else [test]
    result: dict[str, Any] = {}
    if "reconstruct" in model.capabilities:
        made = torch.from_numpy(quantise(_batched(model.reconstruct, given, seed, device)))
        result["reconstruction"] = {**measure(Reconstructed(test, made)), "n": len(test), "split": "test"}
    if "rate" in model.capabilities:
        result |= measure(Encoded(_batched(model.rate, given, seed, device)))
    if "cluster" in model.capabilities and labels is not None:
        clusters = _batched(model.cluster, [test], seed, device)
        result["clustering"] = {**measure(Clustered(clusters, labels))["clustering"], "n": len(test), "split": "test"}
    if "codes" in model.capabilities:
        result |= measure(Coded(_batched(model.codes, given, seed, device), model.codebook_size))
    if "log_likelihood_bound" in model.capabilities:
        bound = _batched(model.log_likelihood_bound, given, seed, device)
        result |= {**measure(Bounded(bound, test[0].numel())), "n_test": len(test)}
    if "log_likelihood" in model.capabilities:
        exact = _batched(model.log_likelihood, given, seed, device)
        result |= {**measure(Likely(exact, test[0].numel())), "n_test": len(test)}
    return result


def _batched(capability: Any, given: list[Tensor], seed: int, device: torch.device) -> Tensor:
    parts = []
    with torch.no_grad():
        for i, (part, *labels) in enumerate(zip(*(tensor.split(BATCH) for tensor in given), strict=True)):
            seed_all(seed, Stream.EVALUATE, i)
            parts.append(capability(to_float(part.to(device)), *(values.to(device) for values in labels)).cpu())
    return torch.cat(parts)


def diverged(reason: str | None) -> dict[str, Any]:
    """The metrics of a run that ended in NaN or infinity: none."""
    return {"protocol": PROTOCOL, "outcome": "diverged", "reason": reason, "n": 0, "spaces": {}}
