"""How often an edit in the latents of a model changes what it is meant to, and nothing else.

The images are drawn from known factors. A network trained to predict them (`factor_classifier`) reads the results; a
factor that it gets wrong on too many real test images is left out, and named. A test image is encoded, its code moved,
and decoded. The edit succeeds if the classifier predicts the target value of the edited factor, which it did not
before, and every other factor as before. "Before" is the reconstruction, which may already have lost something of the
image: the model is to blame for that, not the edit. `faithful` is the share of edits after which the other factors are
predicted as on the image itself.
Two ways to move a code from the value that the image has to the target:

    direction   by the difference of what either value adds to the codes of training images (least squares over all
                factors)
    latent      by the same difference, in one latent only: of those in use, the one of whose variance the factor
                accounts for the largest share

Beside them are `unedited`, the share of reconstructions on which the classifier predicts every factor as on the image
itself; and `perfect`, the share of images drawn afresh with the target value that pass: what the classifier's errors
cost a perfect editor.

An ordered factor must move by at least twice the tolerance of its predictions.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from paragone.data import base as datasets
from paragone.engine import hardware
from paragone.engine.sampling import quantise
from paragone.engine.seeding import Stream, mix
from paragone.evaluation import factor_classifier, factors
from paragone.evaluation.factor_classifier import Draw, FactorClassifier, Names
from paragone.evaluation.factors import BATCH, Factors, Flags, Floats, Ints, Latents
from paragone.evaluation.studies.base import Work
from paragone.models.base import Model
from paragone.project import files, paths


@dataclass(frozen=True, kw_only=True)
class Options:
    rows: tuple[str, ...] = ()  # if none are named, all with an encoder, on the data sets that are drawn
    categorical: tuple[str, ...] = ("shape", "colour", "background")  # factors whose values have no order
    levels: int = 16  # into which an ordered factor is cut, for what each adds to a code
    tolerance: float = 0.125  # of an ordered factor's range
    least: float = 0.9  # share of test images on which the classifier must predict a factor correctly
    kimg: float = 300.0  # budget of the classifier
    n: int = 300  # test images, each edited once per factor

    def __post_init__(self) -> None:
        if not 0 < self.tolerance < 0.25:  # a target is twice as far away, and there must be one from the middle
            raise ValueError(f"tolerance is {self.tolerance}; it must lie between 0 and 0.25")
        if min(self.n, self.kimg) <= 0 or self.levels < 2:
            raise ValueError(f"n, kimg and levels are {self.n}, {self.kimg:g}, {self.levels}; they must exceed 0, 0, 1")


class Target(NamedTuple):
    """A factor of some images, and the values that it is edited to."""

    factor: int
    values: Ints  # (n,)
    levels: Ints  # (n,), of those values


class Edited(NamedTuple):
    """The real images that are edited, and the targets of the edits."""

    images: Tensor  # (n,H,W,C) uint8
    place: Ints  # (n,) among all images of the set
    values: Ints  # (n,K)
    predicted: Floats  # (n,K), by the classifier
    trusted: Flags  # (K,): factors that the classifier predicts well
    targets: list[Target]  # one per trusted factor


depends = factors.depends


def measure(work: Work) -> dict[str, Any]:
    """{data set: {side, accuracy: {factor: share}, left_out, perfect, rows: {row: [{seed, latent, direction, ...}]}}}.

    Raises ValueError for a data set that is not drawn, and where the classifier predicts fewer than two factors well.
    """
    found = {dataset: _dataset(work, dataset, runs) for dataset, runs in factors.encoded_by_dataset(work).items()}
    chosen = {key: getattr(work.options, key) for key in ("levels", "tolerance", "least", "kimg", "n")}
    return {**chosen, "datasets": found}


def _dataset(work: Work, dataset: str, runs: list[paths.Run]) -> dict[str, Any]:
    prepared, options = work.root / paths.prepared(dataset), work.options
    known = factors.read(prepared, options.categorical, options.levels)
    draw, names = factor_classifier.drawn(prepared, options.categorical)
    images = torch.cat([datasets.load(prepared, s).images for s in datasets.SPLITS])
    classifier = factor_classifier.train(draw, names, images.shape[1], options.kimg, options.tolerance)
    right = classifier.agree(classifier.predict(images[known.test]), names.shares(known.values[known.test])).mean(0)
    accuracy = dict(zip(names.names, right.tolist(), strict=True))
    poor = [name for name, share in accuracy.items() if share < options.least]
    for name in poor:
        share = f"{accuracy[name]:.1%}"
        print(
            f"edits on {dataset}: '{name}' is left out: the classifier predicts it correctly on {share} of test images"
        )
    if len(names.names) - len(poor) < 2:
        raise ValueError(
            f"{dataset}: the classifier predicts {len(poor)} of {len(names.names)} factors badly; raise its kimg"
        )
    edited = _chosen(images, known, classifier, right >= options.least, options.n)
    perfect = _assess(edited, classifier, edited.predicted, _perfect(edited, draw, names))
    rows: dict[str, list[dict[str, Any]]] = {run.model: [] for run in runs}
    diverged: list[dict[str, Any]] = []
    for run, model in factors.finished(work, runs, diverged):
        ssim = files.read_json(work.root / run.metrics)["reconstruction"]["ssim"]
        found = _edit(model, f"{dataset}: row '{run.model}'", images, known, edited, classifier)
        rows[run.model].append({"seed": run.seed, "ssim": ssim, **found})
    counted = {"side": images.shape[1], "n": len(edited.images), "n_test": int(known.test.sum())}
    assessed = {"accuracy": accuracy, "left_out": poor, "perfect": perfect["success"]}
    return {**counted, **assessed, "perfect_by_factor": perfect["by_factor"], "rows": rows, "diverged": diverged}


def _chosen(images: Tensor, known: Factors, classifier: FactorClassifier, trusted: Flags, n: int) -> Edited:
    """The first n test images, and a target for each factor that is predicted well: any value that is far enough."""
    train, index = np.flatnonzero(~known.test), np.flatnonzero(known.test)[:n]
    targets = []
    for k in np.flatnonzero(trusted):
        values, first = np.unique(known.values[train, k], return_index=True)  # (V,)
        shares = classifier.factors.shares(known.values)[:, k]
        far = np.abs(shares[train[first]] - shares[index, None])  # (n,V)
        allowed = far > 0 if known.categorical[k] else far >= 2 * classifier.tolerance
        priority = np.random.default_rng(mix(0, Stream.EVALUATE, int(k))).random(far.shape)
        pick = np.where(allowed, priority, -1).argmax(1)
        targets.append(Target(int(k), values[pick], known.levels[train[first[pick]], k]))
    chosen = images[torch.from_numpy(index)]
    return Edited(chosen, index, known.values[index], classifier.predict(chosen), trusted, targets)


def _target_values(edited: Edited, target: Target) -> Ints:
    """The factors (n,K) of the images after a perfect edit."""
    values = edited.values.copy()
    values[:, target.factor] = target.values
    return values


def _perfect(edited: Edited, draw: Draw, names: Names) -> Iterator[Tensor]:
    """Perfect edits: for each target, the images drawn with the target value."""
    for target in edited.targets:
        yield torch.from_numpy(draw(names.of(_target_values(edited, target)), edited.images.shape[1]))


def _assess(edited: Edited, classifier: FactorClassifier, before: Floats, made: Iterator[Tensor]) -> dict[str, Any]:
    """{success, faithful, by_factor: {factor: {changed, kept, success, faithful}}}: shares of the images made for each
    target; before: the classifier's predictions (n,K) before the edits.
    """
    by_factor = {}
    for target, images in zip(edited.targets, made, strict=True):
        after, k = classifier.predict(images), target.factor
        wanted = classifier.factors.shares(_target_values(edited, target))
        others = edited.trusted & (np.arange(len(edited.trusted)) != k)
        changed = classifier.agree(after, wanted)[:, k] & ~classifier.agree(before, wanted)[:, k]
        kept, same = (classifier.agree(after, p)[:, others].all(1) for p in (before, edited.predicted))
        shares = {"changed": changed, "kept": kept, "success": changed & kept, "faithful": changed & same}
        by_factor[classifier.factors.names[k]] = {key: float(share.mean()) for key, share in shares.items()}
    means = {key: float(np.mean([f[key] for f in by_factor.values()])) for key in ("success", "faithful")}
    return {**means, "by_factor": by_factor}


def _edit(
    model: Model, who: str, images: Tensor, known: Factors, edited: Edited, classifier: FactorClassifier
) -> dict[str, Any]:
    """The success of one model's edits, in both ways."""
    if "decode" not in model.capabilities:
        raise ValueError(f"{who} cannot decode latents; name rows of autoencoders")
    decode = cast(Any, model).decode
    latents = factors.encode(model, images, hardware.device(), who)
    codes = latents.codes[edited.place]
    before = classifier.predict(_decoded(decode, codes))
    effects = _effects(latents.codes[~known.test], known.levels[~known.test], known.levels.max(0) + 1)
    sources = known.levels[edited.place]
    moves = [
        effects[t.factor][t.levels] - effects[t.factor][sources[:, t.factor]] for t in edited.targets
    ]  # (n,J) each
    alone = [move * _one(latents, known, effects, t.factor) for move, t in zip(moves, edited.targets, strict=True)]
    return {
        "unedited": float(classifier.agree(before, edited.predicted)[:, edited.trusted].all(1).mean()),
        "latent": _assess(edited, classifier, before, (_decoded(decode, codes + move) for move in alone)),
        "direction": _assess(edited, classifier, before, (_decoded(decode, codes + move) for move in moves)),
    }


def _effects(codes: Floats, levels: Ints, counts: Ints) -> list[Floats]:
    """What each level of each factor adds to a code, (levels,J) a factor: the least-squares fit of codes (N,J) by sums
    over factors, so that what other factors happen to be on the images of a level does not count.
    """
    for v, count in zip(levels.T, counts, strict=True):
        if not (held := np.bincount(v, minlength=count)).all():
            raise ValueError(f"no training image has level {held.argmin()} of {count}; lower the study's levels")
    design = np.concatenate([np.eye(count)[v] for v, count in zip(levels.T, counts, strict=True)], 1)
    fitted = np.linalg.lstsq(design, codes - codes.mean(0))[0]
    return np.split(fitted, np.cumsum(counts)[:-1])


def _one(latents: Latents, known: Factors, effects: list[Floats], factor: int) -> Floats:
    """(J,): 1 for the latent in use of which a factor accounts for the largest share of the variance; 0 else."""
    codes, levels = latents.codes[~known.test], known.levels[~known.test, factor]
    share = effects[factor][levels].var(0) / np.maximum(codes.var(0), 1e-12)
    chosen: Floats = (np.arange(len(share)) == np.where(latents.active, share, -1).argmax()).astype(np.float64)
    return chosen


def _decoded(decode: Callable[[Tensor], Tensor], codes: Floats) -> Tensor:
    """The images (n,H,W,C) uint8 of codes (n,J)."""
    device = hardware.device()
    with torch.no_grad():
        parts = [quantise(decode(z.float().to(device))) for z in torch.from_numpy(codes).split(BATCH)]
    return torch.from_numpy(np.concatenate(parts))
