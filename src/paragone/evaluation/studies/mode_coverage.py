"""How many modes of a data set with many a row's finished runs show, from enough samples to tell.

A run's own samples are too few: of 1,000 classes, 1,000 images miss 368 by chance alone. A generator that never draws a
tenth of the classes misses 28 more, fewer than one that draws them all with shares that vary by half (44). Ten times as
many images miss none by chance, and tell the two apart. So each finished run is sampled again (papers on stacked MNIST
draw 26,000: Lin et al. 2018, https://arxiv.org/abs/1712.04086, section 4.1) and counted as `metrics.modes`
does, and so are as many real test images, which should miss hardly any.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from paragone.data import base as datasets
from paragone.data.base import ImageSet
from paragone.engine import checkpoint, hardware, sampling
from paragone.evaluation import protocol, spaces
from paragone.evaluation.extractors.base import Extractor
from paragone.evaluation.metrics import modes
from paragone.evaluation.metrics.base import Classified
from paragone.evaluation.studies.base import Work, track
from paragone.project import paths

SPACE = "classifier"
BATCH = 250
KEYS = ("missing", "ideal", "counted", "kl", "n")


@dataclass(frozen=True, kw_only=True)
class Options:
    rows: tuple[str, ...] = ("dcgan", "wgan")
    dataset: str = "stacked-mnist"
    n: int = 10_000  # samples per run


def depends(work: Work) -> list[Path]:
    """The weights, the real data and its classifier."""
    dataset = work.options.dataset
    return [paths.prepared(dataset), paths.classifier(dataset), *(run.weights for run in _runs(work))]


def measure(work: Work) -> dict[str, Any]:
    """{dataset, space, classes, n, real: {figures}, rows: {row: [{seed, outcome, reason, figures}]}}.

    The figures: missing classes, their share, how many chance alone misses (ideal), counted, kl, n (see
    `paragone.evaluation.metrics.modes`). A run that diverged has none.
    """
    options, runs, device = work.options, _runs(work), hardware.device()
    prepared = work.root / paths.prepared(options.dataset)
    train, test = datasets.load(prepared, "train"), datasets.load(prepared, "test")
    if train.labels is None:
        raise ValueError(
            f"study mode_coverage: {options.dataset} has no labels, so no modes to count; name another set"
        )
    (extractor,) = protocol.load_extractors(work.root, options.dataset, [SPACE]).values()
    found: dict[str, Any] = {row: [] for row in options.rows}
    for run in track(runs, "mode coverage", "runs"):
        net, meta = checkpoint.load_model(work.root / run.weights)
        about = {"seed": run.seed, "outcome": meta["outcome"], "reason": meta["reason"]}
        if meta["outcome"] == "finished":
            labels = sampling.labels(net, train, options.n, run.seed)
            drawn = {"seed": run.seed, "batch": BATCH, "device": device, "precision": meta["precision"]}
            images, _ = sampling.sample(net, options.n, cond=labels, progress=False, **drawn)
            about |= figures(torch.from_numpy(images), train, extractor, device)
        found[run.model].append(about)
    real = figures(spaces.choose(test.images, options.n), train, extractor, device)
    settings = {"dataset": options.dataset, "space": extractor.name, "classes": train.spec.classes, "n": options.n}
    return {**settings, "real": real, "rows": found}


def figures(images: Tensor, train: ImageSet, extractor: Extractor, device: torch.device) -> dict[str, Any]:
    """What the modes of images (N,H,W,C) say, the training split's shares being the real ones."""
    assert train.labels is not None
    assert extractor.confusion is not None
    logits = extractor.extract(images, device).logits
    assert logits is not None
    shares = torch.bincount(train.labels, minlength=train.spec.classes).double() / len(train.labels)
    found: dict[str, Any] = modes.compute(Classified(logits, extractor.confusion, shares))["modes"]
    return {**{key: found[key] for key in KEYS}, "missing_share": found["missing"] / train.spec.classes}


def _runs(work: Work) -> list[paths.Run]:
    """The runs of the options' rows on the options' data set. Raises ValueError for a row that does not run there."""
    where = f"profiles/{work.profile}.yaml: studies.mode_coverage.rows"
    return [run for row in work.options.rows for run in work.runs_on(work.options.dataset, row, f"{where}: '{row}'")]
