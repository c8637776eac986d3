"""What each row says of the likelihood of test images: exactly, as a bound, or by importance sampling, kept apart.

Every row that knows one is measured, whatever its family: flows and autoregressive models, diffusion models, and
autoencoders. A bound and an estimate are no likelihoods: the first is too low by an amount that is not known, the
second comes near from below as k grows (`metrics.importance_weighted`). Figures compare on one data set alone: a
binarised one has figures in nats that no 8-bit set has, and one that is binarised dynamically lower ones than a static.

Importance samples are drawn one per image at a time and summed as they come, so their number costs time and no memory.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from paragone.data import base as datasets
from paragone.data.base import ImageSet
from paragone.data.pixels import to_float
from paragone.engine import checkpoint, hardware
from paragone.engine.seeding import Stream, mix, seed_all
from paragone.evaluation import protocol, spaces
from paragone.evaluation.metrics.base import Bounded, Likely, Weighted
from paragone.evaluation.studies.base import Work
from paragone.models.base import Model
from paragone.project import files, paths

BATCH = 100


@dataclass(frozen=True, kw_only=True)
class Options:
    rows: tuple[str, ...] = ()  # all that know a likelihood if none are named
    k: int = 200  # importance samples per image
    n: int = 1000  # test images, at most

    def __post_init__(self) -> None:
        for name in ("k", "n"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")


def depends(work: Work) -> list[Path]:
    """The weights and the data sets."""
    runs = _runs(work)
    return [*(paths.prepared(d) for d in dict.fromkeys(run.dataset for run in runs)), *(run.weights for run in runs)]


def _runs(work: Work) -> list[paths.Run]:
    rows = work.options.rows or tuple(dict.fromkeys(row for rows in work.datasets.values() for row in rows))
    return [run for row in rows for run in work.runs(row)]


def measure(work: Work) -> dict[str, Any]:
    """{k, datasets: {data set: {n, dims, levels, dynamic, rows: {row: [run]}}}}, a run {seed, outcome, reason, exact,
    bound, importance}.

    exact and bound: nats per image, lower is better. importance: as `metrics.importance_weighted`. None where the
    row has no such figure; rows without any are left out.
    """
    found: dict[str, Any] = {}
    device = hardware.device()
    for run in _runs(work):
        net, meta = checkpoint.load_model(work.root / run.weights)
        if not net.capabilities & {"log_likelihood", "log_likelihood_bound", "log_weight"}:
            continue
        test = datasets.load(work.root / paths.prepared(run.dataset), "test")
        images = spaces.choose(test.images, work.options.n)
        if run.dataset not in found:
            dynamic = bool(files.read_json(work.root / paths.prepared(run.dataset) / "dataset.json").get("dynamic"))
            about = {"n": len(images), "dims": images[0].numel(), "levels": test.spec.levels, "dynamic": dynamic}
            found[run.dataset] = {**about, "rows": {}}
        entry = {"seed": run.seed, "outcome": meta["outcome"], "reason": meta["reason"]}
        if meta["outcome"] == "finished":
            entry |= figures(net, test, work.options, run.seed, device)
        found[run.dataset]["rows"].setdefault(run.model, []).append(entry)
    return {"k": work.options.k, "device": hardware.device_name(device), "datasets": found}


def figures(net: Model, test: ImageSet, options: Options, seed: int, device: torch.device) -> dict[str, Any]:
    """exact, bound (nats) and importance of the test images that the options ask for."""
    chosen = spaces.choose(torch.arange(len(test.images)), options.n)
    given = [test.images[chosen]]
    if "label" in net.needs:
        assert test.labels is not None  # such a model was trained on this set
        given.append(test.labels[chosen])
    net = net.eval().to(device)
    dims = given[0][0].numel()
    exact = bound = importance = None
    if "log_likelihood" in net.capabilities:
        view = Likely(_over(net.log_likelihood, given, seed, device), dims)
        exact = -float(view.log_likelihood.double().mean())
    if "log_likelihood_bound" in net.capabilities:
        bounds = Bounded(_over(net.log_likelihood_bound, given, seed, device), dims)
        bound = -float(bounds.bound.double().mean())
    if "log_weight" in net.capabilities:
        importance = _weighted(net, given, options.k, seed, device)
    return {"exact": exact, "bound": bound, "importance": importance}


def _weighted(net: Any, given: list[Tensor], k: int, seed: int, device: torch.device) -> dict[str, Any]:
    """The figures of `metrics.importance_weighted` from k draws per image, no two of which are held at once."""
    total = torch.full((len(given[0]),), -math.inf, dtype=torch.float64)  # log of the sum of the weights so far
    elbos = torch.zeros_like(total)
    for i in range(k):
        weights = _over(net.log_weight, given, mix(seed, Stream.EVALUATE, i), device).double()
        total, elbos = torch.logaddexp(total, weights), elbos + weights / k
    mean = (total - math.log(k))[:, None]  # as one weight per image
    found: dict[str, Any] = protocol.measure(Weighted(mean, given[0][0].numel()))["importance_weighted"]
    return {**found, "elbo": -float(elbos.mean()), "k": k}


def _over(capability: Any, given: list[Tensor], seed: int, device: torch.device) -> Tensor:
    """One figure per image, (N,), batch by batch."""
    parts = []
    with torch.no_grad():
        for i, (images, *labels) in enumerate(zip(*(tensor.split(BATCH) for tensor in given), strict=True)):
            seed_all(seed, Stream.EVALUATE, i)
            parts.append(capability(to_float(images.to(device)), *(values.to(device) for values in labels)).cpu())
    return torch.cat(parts)
