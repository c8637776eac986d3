"""What each row says of the likelihood of test images: exactly, as a bound, or by one of four estimates, kept apart.

Every row that knows one is measured, whatever its family: flows and autoregressive models, diffusion models, and
autoencoders. A bound and an estimate are no likelihoods: the first is too low by an amount that is not known, the
second comes near from below as k grows (`metrics.importance_weighted`). Figures compare on one data set alone: a
binarised one has figures in nats that no 8-bit set has, and one that is binarised dynamically lower ones than a static.

Rows that know none, such as AAE or a GAN, can be named in two options. `annealed` (`evaluation.annealing`) takes the
latents for a model of the images, with a noise around what they decode to. `parzen` (`evaluation.parzen`) takes the
samples alone; it is a poor guide (Theis et al. 2016, https://arxiv.org/abs/1511.01844, section 3.2), and shown because
papers have it. Both are densities of an 8-bit set; times the bin of a level they stand in nats of levels, as the rest.

Importance samples are drawn one per image at a time and summed as they come, so their number costs time and no memory.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from paragone.data import base as datasets
from paragone.data.base import ImageSet
from paragone.data.pixels import to_float
from paragone.engine import checkpoint, hardware, sampling
from paragone.engine.seeding import Stream, mix, seed_all
from paragone.evaluation import annealing, parzen, protocol, spaces
from paragone.evaluation.metrics.base import Bounded, Likely, Weighted
from paragone.evaluation.studies.base import Work
from paragone.models.base import Model
from paragone.project import files, paths

BATCH, SAMPLES = 100, 1000  # test images, and samples, at a time
KNOWING = frozenset({"log_likelihood", "log_likelihood_bound", "log_likelihood_estimate", "log_weight"})


@dataclass(frozen=True, kw_only=True)
class Options:
    rows: tuple[str, ...] = ()  # all that know a likelihood if none are named
    k: int = 200  # importance samples per image
    n: int = 1000  # test images, at most
    annealed: dict[str, int] = field(default_factory=dict)  # row: steps from the prior to the posterior
    std: dict[str, float] = field(default_factory=dict)  # row: the noise around its images in [0,1]; else it is chosen
    chains: int = 16  # of annealing, for each image
    annealed_n: int = 100  # test images of annealing, at most
    parzen: dict[str, int] = field(default_factory=dict)  # row: samples
    parzen_n: int = 1000  # test images of the window, and images that its bandwidth is chosen by

    def __post_init__(self) -> None:
        counts = {name: getattr(self, name) for name in ("k", "n", "chains", "annealed_n", "parzen_n")}
        for name, value in {**counts, **self.annealed, **self.parzen}.items():
            if value < 1:
                raise ValueError(f"{name} is {value}; it must be at least 1")
        if strangers := self.std.keys() - self.annealed.keys():
            raise ValueError(f"std names {min(strangers)}, which is not annealed; add it to `annealed`, or take it out")
        for row, std in self.std.items():
            if not std > 0:
                raise ValueError(f"std of {row} is {std}; it must be above 0")

    def annealing(self, row: str) -> annealing.Annealing:
        """How much is spent on a row that is annealed."""
        return annealing.Annealing(
            steps=self.annealed[row], chains=self.chains, n=self.annealed_n, std=self.std.get(row)
        )


def depends(work: Work) -> list[Path]:
    """The weights and the data sets."""
    runs = _runs(work)
    return [*(paths.prepared(d) for d in dict.fromkeys(run.dataset for run in runs)), *(run.weights for run in runs)]


def _runs(work: Work) -> list[paths.Run]:
    options = work.options
    rows = options.rows or tuple(row for rows in work.datasets.values() for row in rows)
    return [run for row in dict.fromkeys([*rows, *options.annealed, *options.parzen]) for run in work.runs(row)]


def measure(work: Work) -> dict[str, Any]:
    """{k, datasets: {data set: {n, dims, levels, dynamic, rows: {row: [run]}}}}, a run {seed, outcome, reason, exact,
    bound, importance, estimate, annealed, parzen}.

    exact and bound: nats per image, lower is better; estimate: nats, on either side of the truth (AVB's, by its
    adversary). importance: as `metrics.importance_weighted`. annealed, parzen: what `evaluation.annealing` and
    `evaluation.parzen` say, their `nats` turned to these. None where the row has no such figure; rows without any are
    left out.
    """
    found: dict[str, Any] = {}
    device = hardware.device()
    for run in _runs(work):
        net, meta = checkpoint.load_model(work.root / run.weights)
        asked = {*work.options.annealed, *work.options.parzen}
        if not net.capabilities & KNOWING and run.model not in asked:
            continue
        test = datasets.load(work.root / paths.prepared(run.dataset), "test")
        images = spaces.choose(test.images, work.options.n)
        if run.dataset not in found:
            dynamic = bool(files.read_json(work.root / paths.prepared(run.dataset) / "dataset.json").get("dynamic"))
            about = {"n": len(images), "dims": images[0].numel(), "levels": test.spec.levels, "dynamic": dynamic}
            found[run.dataset] = {**about, "rows": {}}
        entry = {"seed": run.seed, "outcome": meta["outcome"], "reason": meta["reason"]}
        if meta["outcome"] == "finished":
            entry |= figures(net, test, work.options, run.seed, device) | named(
                net, test, run.model, work.options, run.seed, device
            )
        found[run.dataset]["rows"].setdefault(run.model, []).append(entry)
    return {"k": work.options.k, "device": hardware.device_name(device), "datasets": found}


def figures(net: Model, test: ImageSet, options: Options, seed: int, device: torch.device) -> dict[str, Any]:
    """exact, bound, estimate (nats) and importance of the test images that the options ask for."""
    chosen = spaces.choose(torch.arange(len(test.images)), options.n)
    given = [test.images[chosen]]
    if "label" in net.needs:
        assert test.labels is not None  # such a model was trained on this set
        given.append(test.labels[chosen])
    net = net.eval().to(device)
    dims = given[0][0].numel()
    exact = bound = importance = estimate = None
    if "log_likelihood" in net.capabilities:
        view = Likely(_over(net.log_likelihood, given, seed, device), dims)
        exact = -float(view.log_likelihood.double().mean())
    if "log_likelihood_bound" in net.capabilities:
        bounds = Bounded(_over(net.log_likelihood_bound, given, seed, device), dims)
        bound = -float(bounds.bound.double().mean())
    if "log_likelihood_estimate" in net.capabilities:
        estimate = -float(_over(net.log_likelihood_estimate, given, seed, device).double().mean())
    if "log_weight" in net.capabilities:
        importance = _weighted(net, given, options.k, seed, device)
    return {"exact": exact, "bound": bound, "importance": importance, "estimate": estimate}


def named(
    net: Model, test: ImageSet, row: str, options: Options, seed: int, device: torch.device
) -> dict[str, dict[str, Any] | None]:
    """annealed and parzen of a row that the options name for them."""
    dims, levels = math.prod(test.spec.shape), test.spec.levels
    scale = dims * math.log(256) if levels == 256 else 0.0  # from a density to levels
    annealed = window = None
    if row in options.annealed:
        annealed = annealing.estimate(net, test, options.annealing(row), seed, device)
    if row in options.parzen:
        net = hardware.place(net.eval().requires_grad_(False), device)
        window = parzen.density(samples(net, test, options.parzen[row], seed), test, options.parzen_n, seed)
    found = {"annealed": annealed, "parzen": window}
    return {name: None if f is None else {**f, "nats": scale - f["nats"]} for name, f in found.items()}


def samples(net: Model, labelled: ImageSet, n: int, seed: int) -> Iterator[Tensor]:
    """n samples as intensities in [0,1], (<=SAMPLES,D) at a time; their labels, if it takes any, those of a set."""
    labels = sampling.labels(net, labelled, n, seed)
    for i, start in enumerate(range(0, n, SAMPLES)):
        seed_all(seed, Stream.SAMPLE, i)
        count = min(SAMPLES, n - start)
        with torch.inference_mode():
            cond = None if labels is None else labels[start : start + count]
            yield (net.sample(count, cond).flatten(1).float() + 1) / 2


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
