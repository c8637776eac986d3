"""Whether a translator gives one source several styles, keeps its content, and takes a style from a reference image.

The images are drawn from known factors, some of which the source tells (content: of edges, the figure and its place)
and some of which it does not (style: colours). A network that learned the factors from drawn images reads the results
(`factor_classifier`).

    faithful    share of translations, of random style, whose content factors all read as the source's own
    diverse     share of pairs of translations of one source that differ in some style factor, and `distance`, the mean
                absolute difference of their pixels, of 255
    reference   share of translations by the style of a reference image whose style factors all read as the reference's,
                and `kept`, whose content factors all read as the source's

Beside them are the same shares of the true partners (`real`: what the classifier costs a perfect translator) and what
chance would give: `chance`, the share of references that agree in style with another source's partner.
"""

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from paragone.data import base as datasets
from paragone.data.base import ATTRIBUTE
from paragone.data.pixels import to_float
from paragone.engine import hardware
from paragone.engine.sampling import quantise
from paragone.engine.seeding import Stream, seed_all
from paragone.evaluation import factor_classifier, factors
from paragone.evaluation.factor_classifier import FactorClassifier, Names
from paragone.evaluation.factors import BATCH, Flags, Ints
from paragone.evaluation.studies.base import Work
from paragone.models.base import Model
from paragone.project import paths, registry


@dataclass(frozen=True, kw_only=True)
class Options:
    rows: tuple[str, ...] = ("munit",)
    drawn: str = "shapes"  # the data set's file that draws the images
    content: tuple[str, ...] = ("shape", "x", "y")
    style: tuple[str, ...] = ("colour", "background")
    categorical: tuple[str, ...] = ("shape", "colour", "background")  # factors whose values have no order
    tolerance: float = 0.125  # of an ordered factor's range
    kimg: float = 300.0  # budget of the classifier
    styles: int = 5  # drawn for each source
    n: int = 200  # sources of the test split

    def __post_init__(self) -> None:
        if self.styles < 2 or min(self.n, self.kimg) <= 0:
            raise ValueError(
                f"styles, n and kimg are {self.styles}, {self.n}, {self.kimg:g}; they must be at least 2, 1 and above 0"
            )


class Bench(NamedTuple):
    """The sources and their true partners, and what reads images."""

    sources: Tensor  # (n,H,W,C) uint8
    partners: Tensor  # the same
    values: Ints  # (n,K)
    classifier: FactorClassifier
    content: Flags  # (K,)
    style: Flags  # (K,)

    def agree(self, images: Tensor, values: Ints, which: Flags) -> Flags:
        """Whether all these factors of images (n,H,W,C) read as they are (n,K): (n,)."""
        wanted = self.classifier.factors.shares(values)
        return cast(Flags, self.classifier.agree(self.classifier.predict(images), wanted)[:, which].all(1))


def depends(work: Work) -> list[Path]:
    """The real data, and the weights of the rows."""
    by_dataset = factors.runs_by_dataset(work)
    return [*map(paths.prepared, by_dataset), *(run.weights for runs in by_dataset.values() for run in runs)]


def measure(work: Work) -> dict[str, Any]:
    """{data set: {real, chance, n, rows: {row: [{seed, faithful, diverse, distance, reference, kept}]}}}.

    Raises ValueError for a set without known factors or pairs, and for a row that takes no reference image.
    """
    found = {}
    for dataset, runs in factors.runs_by_dataset(work).items():
        bench = prepare(work.root / paths.prepared(dataset), work.options)
        rows: dict[str, list[dict[str, Any]]] = {row: [] for row in work.options.rows}
        diverged: list[dict[str, Any]] = []
        for run, model in factors.finished(work, runs, diverged):
            if "stylise" not in model.capabilities:
                raise ValueError(f"{dataset}: row '{run.model}' takes no reference image; name rows such as MUNIT")
            rows[run.model].append({"seed": run.seed, **assess(model, bench, work.options.styles, run.seed)})
        found[dataset] = {**_ends(bench), "n": len(bench.sources), "rows": rows, "diverged": diverged}
    keys = ("drawn", "tolerance", "kimg", "styles", "n")
    lists = {key: list(getattr(work.options, key)) for key in ("content", "style")}
    return {**{key: getattr(work.options, key) for key in keys}, **lists, "datasets": found}


def prepare(prepared: Path, options: Options) -> Bench:
    """The test pairs of a set, and a classifier of their factors. Raises ValueError."""
    test = datasets.load(prepared, "test")
    if test.sources is None or not test.paired:
        raise ValueError(f"{prepared}: its test sources belong to no image; take a set of pairs, such as shapes-edges")
    module = registry.load("datasets", options.drawn)
    attributes = module.LOADER.attributes
    table = pd.read_parquet(prepared / "manifest.parquet")
    table = table[table["split"] == "test"]
    unknown = [name for name in (*options.content, *options.style) if ATTRIBUTE + name not in table]
    if unknown or not hasattr(module, "draw"):
        raise ValueError(f"{prepared}: factor '{(unknown or [options.drawn])[0]}' is not known; take a drawn set")
    names = list(attributes)
    values = table[[ATTRIBUTE + name for name in names]].to_numpy(np.int64)[: options.n]
    categorical = np.array([name in options.categorical for name in names])
    known = Names(names, np.array([len(attributes[name]) for name in names]), categorical)
    side = test.images.shape[1]
    classifier = factor_classifier.train(module.draw, known, side, options.kimg, options.tolerance)
    content, style = (np.array([name in chosen for name in names]) for chosen in (options.content, options.style))
    return Bench(test.sources[: options.n], test.images[: options.n], values, classifier, content, style)


def _ends(bench: Bench) -> dict[str, Any]:
    """What a perfect translator, and chance, would score."""
    other = np.roll(bench.values, 1, 0)
    return {
        "real": {key: float(bench.agree(bench.partners, bench.values, getattr(bench, key)).mean())
                 for key in ("content", "style")},
        "chance": float(bench.agree(bench.partners, other, bench.style).mean()),
    }  # fmt: skip


def assess(model: Model, bench: Bench, styles: int, seed: int) -> dict[str, float]:
    """The shares of one model's translations."""
    able = cast(Any, hardware.place(model.eval(), hardware.device()))
    seed_all(seed, Stream.EVALUATE, 0)
    made = [_images(able.translate, bench.sources) for _ in range(styles)]
    read = [bench.classifier.predict(images) for images in made]
    pairs = list(combinations(range(styles), 2))
    differ = [~bench.classifier.agree(read[i], read[j])[:, bench.style].all(1) for i, j in pairs]
    apart = [(made[i].float() - made[j].float()).abs().mean() for i, j in pairs]
    by_reference = _images(able.stylise, bench.sources, bench.partners.roll(1, 0))
    return {
        "faithful": float(np.mean([bench.agree(images, bench.values, bench.content).mean() for images in made])),
        "diverse": float(np.mean(differ)),
        "distance": float(torch.stack(apart).mean()),
        "reference": float(bench.agree(by_reference, np.roll(bench.values, 1, 0), bench.style).mean()),
        "kept": float(bench.agree(by_reference, bench.values, bench.content).mean()),
    }


def _images(draw: Any, *given: Tensor) -> Tensor:
    """What becomes of images (n,H,W,C) uint8 given to `draw` side by side: the same."""
    device = hardware.device()
    with torch.no_grad():
        parts = [quantise(draw(*(to_float(x.to(device)) for x in part)))
                 for part in zip(*(x.split(BATCH) for x in given), strict=True)]  # fmt: skip
    return torch.from_numpy(np.concatenate(parts))
