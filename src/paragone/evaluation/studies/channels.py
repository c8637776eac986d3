"""Which single latent of a model changes one attribute of its images, and what else it changes.

After Wu, Lischinski, Shechtman 2021 (StyleSpace, https://arxiv.org/abs/2011.12799), section 4: the samples that have
an attribute are compared with all samples; a latent u whose values among them, in standard deviations delta_u, lie far
from the mean and close together ranks high by |mean(delta_u)| / std(delta_u). The first few are moved by some
strengths, on samples without the attribute; the best latent and strength are then measured on other samples. Attributes
are read by a network that learned the factors from drawn images (`factor_classifier`): a value of a categorical factor,
or a part of an ordered one's range.

    changed   share of edited samples that read as the attribute then, as none did before
    kept      share whose other factors read as before the edit; success: both
    others    share whose factor reads otherwise than before, by factor (the paper's attribute dependency)
    psnr      of edited against unedited samples, outside of the edited region, in dB: where two images drawn from the
              factors as they read before, and with the edited one as it reads after, are alike, less a margin

Any row works whose latents, or the first part of whose latents, are a vector, and which takes no labels.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from paragone.engine import checkpoint, hardware
from paragone.engine.sampling import quantise
from paragone.engine.seeding import Stream, seed_all
from paragone.evaluation import factor_classifier, factors
from paragone.evaluation.factor_classifier import FactorClassifier
from paragone.evaluation.factors import BATCH, Flags, Floats, Ints
from paragone.evaluation.studies.base import Work
from paragone.models.base import Model
from paragone.project import paths

FEWEST = 5  # samples that must have an attribute, to be compared with all
MARGIN = 2  # pixels of 32 around the edited region


@dataclass(frozen=True, kw_only=True)
class Options:
    rows: tuple[str, ...] = ("stylespace",)
    categorical: tuple[str, ...] = ("shape", "colour", "background")  # factors whose values have no order
    levels: int = 4  # into which the range of an ordered factor is cut
    tolerance: float = 0.125  # of an ordered factor's range
    least: float = 0.9  # share of drawn images on which the classifier must predict a factor correctly
    kimg: float = 300.0  # budget of the classifier
    found: int = 1000  # samples in which those with an attribute are looked for
    exemplars: int = 30  # of these that are compared, at most
    candidates: int = 5  # latents tried, by rank
    strengths: tuple[float, ...] = (3.0, 6.0, 10.0)  # standard deviations
    tried: int = 50  # samples on which a latent and a strength are tried
    n: int = 200  # samples on which the chosen one is measured

    def __post_init__(self) -> None:
        if min(self.n, self.tried, self.found, self.candidates, self.kimg) <= 0 or self.levels < 2:
            raise ValueError("n, tried, found, candidates and kimg must be positive, levels at least 2; correct them")
        if not self.strengths or min(self.strengths) <= 0:
            raise ValueError(f"strengths are {self.strengths}; give positive numbers of standard deviations")


class Samples(NamedTuple):
    """Some samples of a model, and what the classifier reads on them."""

    latents: tuple[Tensor, ...]  # (N,J), and what else the model decodes
    images: Tensor  # (N,H,W,C) uint8
    read: Floats  # (N,K)

    def of(self, index: Ints) -> "Samples":
        where = torch.from_numpy(index)
        return Samples(tuple(part[where] for part in self.latents), self.images[where], self.read[index])


class Bench(NamedTuple):
    """What reads and draws the images of a data set."""

    classifier: FactorClassifier
    draw: factor_classifier.Draw
    trusted: Flags  # (K,): factors that the classifier predicts well
    options: Options

    def levels(self, read: Floats) -> Ints:
        """The attribute that each factor of readings (N,K) is at: a class, or a part of the range."""
        cut = np.clip(np.floor(read * self.options.levels), 0, self.options.levels - 1)
        return np.where(self.classifier.factors.categorical, read, cut).astype(np.int64)


def depends(work: Work) -> list[Path]:
    """The real data's factors, and the weights of the rows."""
    by_dataset = factors.runs_by_dataset(work)
    return [*map(paths.prepared, by_dataset), *(run.weights for runs in by_dataset.values() for run in runs)]


def measure(work: Work) -> dict[str, Any]:
    """{data set: {accuracy, left_out, rows: {row: [{seed, success, psnr, by_factor, targets: [...]}]}}}.

    Raises ValueError for a data set that is not drawn, and for a row without a vector of latents.
    """
    found = {dataset: _dataset(work, dataset, runs) for dataset, runs in factors.runs_by_dataset(work).items()}
    keys = ("levels", "tolerance", "least", "kimg", "found", "exemplars", "candidates", "tried", "n")
    chosen = {key: getattr(work.options, key) for key in keys}
    return {**chosen, "strengths": list(work.options.strengths), "datasets": found}


def _dataset(work: Work, dataset: str, runs: list[paths.Run]) -> dict[str, Any]:
    options, prepared = work.options, work.root / paths.prepared(dataset)
    draw, names = factor_classifier.drawn(prepared, options.categorical)
    rows: dict[str, list[dict[str, Any]]] = {row: [] for row in options.rows}
    diverged: list[dict[str, Any]] = []
    bench = None
    for run, model in factors.finished(work, runs, diverged):
        _check(model, f"{dataset}: row '{run.model}'")
        side = checkpoint.read_metadata(work.root / run.weights)["recipe"]["shape"][1]
        bench = bench or _bench(draw, names, side, options)
        rows[run.model].append({"seed": run.seed, **edit(model, bench, run.seed)})
    known = {} if bench is None else _trust(bench)
    return {**known, "rows": rows, "diverged": diverged}


def _trust(bench: Bench) -> dict[str, Any]:
    names = bench.classifier.factors.names
    return {"left_out": [name for name, good in zip(names, bench.trusted, strict=True) if not good]}


def _check(model: Model, who: str) -> None:
    if not model.capabilities >= {"latents", "decode"} or "label" in model.needs:
        raise ValueError(f"{who} has no latents that it decodes without labels; name rows such as StyleSpace")
    if _parts(cast(Any, model).latents(1))[0].ndim != 2:
        raise ValueError(f"{who} has latents that are no vector; name rows such as StyleSpace")


def _parts(latents: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (latents,) if isinstance(latents, Tensor) else latents


def _bench(draw: factor_classifier.Draw, names: factor_classifier.Names, side: int, options: Options) -> Bench:
    classifier = factor_classifier.train(draw, names, side, options.kimg, options.tolerance)
    return Bench(classifier, draw, classifier.trusted(draw, side, options.least), options)


def edit(model: Model, bench: Bench, seed: int) -> dict[str, Any]:
    """Find and measure the best single latent for every attribute that enough samples have."""
    options = bench.options
    pool = _sample(model, bench, options.found + 2 * (options.tried + options.n), seed)
    found, rest = np.split(np.arange(len(pool.images)), [options.found])
    levels, names = bench.levels(pool.read), bench.classifier.factors
    targets, rare = [], []
    for k in np.flatnonzero(bench.trusted):
        for level in range(int(names.counts[k]) if names.categorical[k] else options.levels):
            have = found[levels[found, k] == level]
            lack = rest[levels[rest, k] != level]
            if len(have) < FEWEST or len(lack) < 2:
                rare.append({"factor": names.names[k], "level": level, "exemplars": len(have)})
                continue
            targets.append(_target(model, bench, pool, (int(k), level), found, have[: options.exemplars], lack))
    by_factor = {
        name: float(np.mean([t["success"] for t in targets if t["factor"] == name]))
        for name in dict.fromkeys(t["factor"] for t in targets)
    }
    known = [t["psnr"] for t in targets if t["psnr"] is not None]
    success = float(np.mean([t["success"] for t in targets])) if targets else None
    psnr = float(np.mean(known)) if known else None
    return {"success": success, "psnr": psnr, "by_factor": by_factor, "targets": targets, "rare": rare}


def _target(
    model: Model, bench: Bench, pool: Samples, target: tuple[int, int], found: Ints, have: Ints, lack: Ints
) -> dict[str, Any]:
    """The best latent and strength for one attribute (factor, level), and what it does to samples that lack it."""
    options, (k, level) = bench.options, target
    spread = pool.latents[0][torch.from_numpy(found)].std(0)
    cut = min(options.tried, len(lack) // 2)
    tried, measured = pool.of(lack[:cut]), pool.of(lack[cut : cut + options.n])
    best: tuple[float, int, float] = (-1.0, 0, 0.0)
    for u, sign in rank(pool.latents[0][torch.from_numpy(found)], pool.latents[0][torch.from_numpy(have)], options):
        for strength in options.strengths:
            step = sign * strength * float(spread[u])
            outcome = _outcome(bench, tried, _moved(model, bench, tried, u, step), target)
            best = max(best, (float((outcome["changed"] & outcome["kept"]).mean()), u, sign * strength))
    _, u, strength = best
    after = _moved(model, bench, measured, u, strength * float(spread[u]))
    outcome = _outcome(bench, measured, after, target)
    names = bench.classifier.factors.names
    others = {names[j]: float(outcome["other"][:, j].mean()) for j in np.flatnonzero(bench.trusted) if j != k}
    shares = {key: float(outcome[key].mean()) for key in ("changed", "kept")}
    success = float((outcome["changed"] & outcome["kept"]).mean())
    found_as = {"factor": names[k], "level": level, "exemplars": len(have), "latent": u, "strength": strength}
    counted = {"n": len(measured.images), "psnr": outside(bench, measured, after, k)}
    return {**found_as, **shares, "success": success, "others": others, **counted}


def rank(everyone: Tensor, exemplars: Tensor, options: Options) -> list[tuple[int, float]]:
    """The latents that tell exemplars (m,J) from all samples (N,J), best first, and the sign of the way to them."""
    spread = everyone.std(0)
    delta = (exemplars - everyone.mean(0)) / spread.clamp(min=1e-8)
    theta = delta.mean(0).abs() / delta.std(0).clamp(min=1e-3)
    order = torch.where(spread > 1e-6, theta, -1.0).argsort(descending=True)[: options.candidates].tolist()
    return [(u, float(delta[:, u].mean().sign())) for u in order]


def _sample(model: Model, bench: Bench, n: int, seed: int) -> Samples:
    able = cast(Any, hardware.place(model.eval(), hardware.device()))
    seed_all(seed, Stream.EVALUATE, 0)
    with torch.no_grad():
        latents = tuple(part.cpu() for part in _parts(able.latents(n)))
    return _decode(model, bench, latents)


def _decode(model: Model, bench: Bench, latents: tuple[Tensor, ...]) -> Samples:
    device, images = hardware.device(), []
    with torch.no_grad():
        for chunk in zip(*(part.split(BATCH) for part in latents), strict=True):
            z = tuple(part.to(device) for part in chunk)
            images.append(quantise(cast(Any, model).decode(z if len(z) > 1 else z[0])))
    pixels = torch.from_numpy(np.concatenate(images))
    return Samples(latents, pixels, bench.classifier.predict(pixels))


def _moved(model: Model, bench: Bench, samples: Samples, u: int, step: float) -> Samples:
    first = samples.latents[0].clone()
    first[:, u] += step
    return _decode(model, bench, (first, *samples.latents[1:]))


def _outcome(bench: Bench, before: Samples, after: Samples, target: tuple[int, int]) -> dict[str, Flags]:
    """changed and kept (n,), and other (n,K): factors that read otherwise than before."""
    k, level = target
    other = ~bench.classifier.agree(before.read, after.read)
    left = bench.trusted & (np.arange(len(bench.trusted)) != k)
    return {"changed": bench.levels(after.read)[:, k] == level, "kept": ~other[:, left].any(1), "other": other}


def outside(bench: Bench, before: Samples, after: Samples, k: int) -> float | None:
    """PSNR of the mean squared error of all pixels outside of the edited region; None where there are none, or all are
    the same."""
    values = _values(bench, before.read)
    changed = values.copy()
    changed[:, k] = _values(bench, after.read)[:, k]
    side, of = before.images.shape[1], bench.classifier.factors.of
    apart = (bench.draw(of(values), side) != bench.draw(of(changed), side)).any(-1)  # (n,side,side)
    reach = max(1, MARGIN * side // 32)
    near = ndimage.binary_dilation(apart, np.ones((1, 2 * reach + 1, 2 * reach + 1), bool))
    error = (before.images.double() - after.images.double()).square().mean(-1).numpy()[~near]
    return float(10 * np.log10(255**2 / error.mean())) if error.size and error.mean() else None


def _values(bench: Bench, read: Floats) -> Ints:
    """Readings (N,K) as the values of factors that come nearest."""
    names = bench.classifier.factors
    values = np.where(names.categorical, read, np.round(read * (names.counts - 1)))
    return np.clip(values, 0, names.counts - 1).astype(np.int64)
