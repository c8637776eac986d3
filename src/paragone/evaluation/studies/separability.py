"""How well a linear function of a GAN's latent tells the factors of the image that it makes.

Karras et al. 2019 (StyleGAN, https://arxiv.org/abs/1812.04948, section 4.2) ask whether a hyperplane of the latent
space separates an attribute of the images. Here the images are of a drawn set, and a network that learned its factors
(`factor_classifier`) reads them. From latents to readings a linear function is fitted by least squares on half of the
samples, and tested on the other half:
- an ordered factor scores the share of its variance that is explained, at least 0;
- a categorical one is fitted as one column a class; its score is how far the balanced accuracy of the largest column
  exceeds chance, over the most that it could.

A factor that is the same in nearly all samples (one class, or a spread below half of the classifier's tolerance) has no
score: a model that draws one kind of image separates nothing.

Beside it stand scores of disentanglement, of single latents and the factors that are read, as the study
`disentanglement` has them for encoders: DCI's three, which Wu et al. 2021 (StyleSpace,
https://arxiv.org/abs/2011.12799, section 3) take of a generator's latent spaces too, MIG and SAP. They are of those
samples whose categorical factors are of no rare class.

`z` is the latent that is drawn; for a model with a mapping network, `w` is what that makes of it. 1: told perfectly.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from paragone.engine import checkpoint, hardware
from paragone.engine.sampling import quantise
from paragone.engine.seeding import Stream, seed_all
from paragone.evaluation import factor_classifier, factors
from paragone.evaluation.factor_classifier import FactorClassifier
from paragone.evaluation.factors import BATCH, Flags, Floats
from paragone.evaluation.studies import disentanglement
from paragone.evaluation.studies.base import Work
from paragone.models.base import Model
from paragone.project import paths

FEW = 0.02  # of the samples: a class below counts for none


@dataclass(frozen=True, kw_only=True)
class Options:
    rows: tuple[str, ...] = ("progan", "stylegan")
    categorical: tuple[str, ...] = ("shape", "colour", "background")  # factors whose values have no order
    tolerance: float = 0.125  # of an ordered factor's range
    least: float = 0.9  # share of drawn images on which the classifier must predict a factor correctly
    kimg: float = 300.0  # budget of the classifier
    n: int = 2000  # samples of each run
    levels: int = 16  # into which an ordered factor is cut for MIG
    bins: int = 20  # into which a latent is cut for MIG
    trees: int = 20  # of each forest of DCI

    def __post_init__(self) -> None:
        for name in ("bins", "trees"):
            if getattr(self, name) < 2:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 2")
        if self.levels < 1 / self.tolerance:
            raise ValueError(f"levels is {self.levels}; give at least {1 / self.tolerance:g}, one over tolerance")
        if self.n < 100 or self.kimg <= 0:
            raise ValueError(f"n and kimg are {self.n}, {self.kimg:g}; they must be at least 100 and above 0")


def depends(work: Work) -> list[Path]:
    """The real data's factors, and the weights of the rows."""
    by_dataset = factors.runs_by_dataset(work)
    return [*map(paths.prepared, by_dataset), *(run.weights for runs in by_dataset.values() for run in runs)]


def measure(work: Work) -> dict[str, Any]:
    """{data set: {left_out, rows: {row: [{seed, z: {score, by_factor, dci, completeness, informativeness, mig, sap}, w:
    the same or null}]}, diverged}}. The last five are null where fewer than two factors vary.

    Raises ValueError for a set that is not drawn, and for a row without a latent that is a vector.
    """
    found = {dataset: _dataset(work, dataset, runs) for dataset, runs in factors.runs_by_dataset(work).items()}
    return {**{key: getattr(work.options, key) for key in ("tolerance", "least", "kimg", "n")}, "datasets": found}


def _dataset(work: Work, dataset: str, runs: list[paths.Run]) -> dict[str, Any]:
    options = work.options
    draw, names = factor_classifier.drawn(work.root / paths.prepared(dataset), options.categorical)
    side = checkpoint.read_metadata(work.root / runs[0].weights)["recipe"]["shape"][1]
    classifier = factor_classifier.train(draw, names, side, options.kimg, options.tolerance)
    trusted = classifier.trusted(draw, side, options.least)
    rows: dict[str, list[dict[str, Any]]] = {row: [] for row in options.rows}
    diverged: list[dict[str, Any]] = []
    for run, model in factors.finished(work, runs, diverged):
        if not model.capabilities >= {"latents", "decode"} or "label" in model.needs:
            raise ValueError(f"{dataset}: row '{run.model}' has no latents that it decodes without labels; name a GAN")
        rows[run.model].append({"seed": run.seed, **assess(model, classifier, trusted, options, run.seed)})
    left_out = [name for name, good in zip(names.names, trusted, strict=True) if not good]
    return {"left_out": left_out, "rows": rows, "diverged": diverged}


def assess(model: Model, classifier: FactorClassifier, trusted: Flags, options: Options, seed: int) -> dict[str, Any]:
    """The scores of one model's latents."""
    n = options.n
    able = cast(Any, hardware.place(model.eval(), hardware.device()))
    seed_all(seed, Stream.EVALUATE, 0)
    found: dict[str, list[Floats]] = {"z": [], "w": [], "read": []}
    with torch.no_grad():
        for start in range(0, n, BATCH):
            latents = able.latents(min(BATCH, n - start))
            z = latents[0] if isinstance(latents, tuple) else latents
            if z.ndim != 2:
                raise ValueError(f"{model.title} has latents that are no vector; name a GAN with one")
            found["z"].append(z.double().cpu().numpy())
            if hasattr(able, "mapping"):
                found["w"].append(able.mapping(z).double().cpu().numpy())
            found["read"].append(classifier.predict(torch.from_numpy(quantise(able.decode(latents)))))
    read = np.concatenate(found["read"])
    return {
        space: scores(codes := np.concatenate(found[space]), read, classifier, trusted)
        | disentangled(codes, read, classifier, trusted, options)
        if found[space]
        else None
        for space in ("z", "w")
    }


def scores(codes: Floats, read: Floats, classifier: FactorClassifier, trusted: Flags) -> dict[str, Any]:
    """The mean over the factors that are read well and vary, 0 where none does, and each; codes (n,J), read (n,K)."""
    names, by_factor = classifier.factors, {}
    for k in np.flatnonzero(trusted):
        varies = names.categorical[k] or read[:, k].std() > classifier.tolerance / 2
        of_factor = _classes if names.categorical[k] else _share
        by_factor[names.names[k]] = of_factor(codes, read[:, k]) if varies else None
    varied = [score for score in by_factor.values() if score is not None]
    return {"score": float(np.mean(varied)) if varied else 0.0, "by_factor": by_factor}


def disentangled(
    codes: Floats, read: Floats, classifier: FactorClassifier, trusted: Flags, options: Options
) -> dict[str, float | None]:
    """The scores of single latents; codes (n,J), read (n,K)."""
    categorical, second = classifier.factors.categorical, np.arange(len(read)) >= len(read) // 2
    kept, varied = np.ones(len(read), np.bool_), []
    for k in np.flatnonzero(trusted):
        if categorical[k]:
            kinds = [kind for kind in _kinds(read[:, k]) if kind in read[second, k] and kind in read[~second, k]]
            if len(kinds) > 1:
                kept &= np.isin(read[:, k], kinds)
                varied.append(k)
        elif read[:, k].std() > classifier.tolerance / 2:
            varied.append(k)
    if len(varied) < 2:
        return dict.fromkeys((*disentanglement.DCI._fields, "mig", "sap"))
    codes, read, second, named = codes[kept], read[kept][:, varied], second[kept], categorical[varied]
    levels = np.where(named, read, np.floor(read * options.levels)).astype(np.int64)
    return {
        **disentanglement.dci(codes, read, second, named, options.trees)._asdict(),
        "mig": float(disentanglement.mig(codes, levels - levels.min(0), options.bins).mean()),
        "sap": float(disentanglement.sap(codes, read, second, named).mean()),
    }


def _share(codes: Floats, read: Floats) -> float:
    half = len(read) // 2
    error = ((_fitted(codes, read[:, None], half)[:, 0] - read[half:]) ** 2).mean()
    return max(0.0, float(1 - error / read[half:].var()))


def _classes(codes: Floats, read: Floats) -> float | None:
    kinds = _kinds(read)
    if len(kinds) < 2:
        return None
    kept = np.isin(read, kinds)
    of = np.searchsorted(kinds, read[kept])
    half = len(of) // 2
    said = _fitted(codes[kept], np.eye(len(kinds))[of], half).argmax(1)
    right = [float((said[of[half:] == i] == i).mean()) for i in range(len(kinds)) if (of[half:] == i).any()]
    chance = 1 / len(kinds)
    return max(0.0, (float(np.mean(right)) - chance) / (1 - chance))


def _kinds(read: Floats) -> list[float]:
    """The classes that are read in more than a few samples."""
    return [kind for kind in np.unique(read) if (read == kind).mean() >= FEW]


def _fitted(codes: Floats, target: Floats, half: int) -> Floats:
    """What a linear function fitted on the first half says of the rest, (n - half,columns)."""
    design = np.concatenate([codes, np.ones((len(codes), 1))], 1)
    weights = np.linalg.lstsq(design[:half], target[:half])[0]
    said: Floats = design[half:] @ weights
    return said
