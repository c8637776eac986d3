"""A small project that went through its stages: images of small and large squares, and a VAE."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from paragone.data import prepare as prepared
from paragone.data.base import Loader, Part, Upstream
from paragone.project import paths
from paragone.project.params import Params
from paragone.results.runs import DataSet, Results
from paragone.stages import classifier, evaluate, reference, sample, train

VAE = {"plan": {"kimg": 0.5}, "config": {"width": 8}}
RUN = paths.Run("small", "squares", "vae", 0)
ARGS = ("small", "squares", "vae", 0)


def params(**profile: Any) -> Params:
    about = {
        "about": "Squares.",
        "datasets": ["squares"],
        "seeds": [0],
        "samples": 48,
        "sample_batch": 48,
        "models": {"vae": VAE},
    }
    small = {**about, "spaces": ["classifier"], **profile}
    datasets = {"squares": {"loader": "mnist", "source": "packaged"}}
    return Params.model_validate(
        {"profile": "small", "judges": [16, 8], "datasets": datasets, "profiles": {"small": small}}
    )


def squares(split: str, n: int, labelled: bool) -> Part:
    """Images (n,32,32,1) of a bright square, large or small, somewhere."""
    draw = np.random.default_rng(n)
    labels = draw.integers(0, 2, n)
    images = draw.integers(0, 40, (n, 32, 32, 1), dtype=np.uint8)
    for image, label, (y, x) in zip(images, labels, draw.integers(0, 14, (n, 2)), strict=True):
        image[y : y + 8 + 8 * label, x : x + 8 + 8 * label] += 200
    return Part(split, images, labels if labelled else None, "squares", np.arange(n))


def prepare(root: Path, labelled: bool = True, test: int = 60) -> None:
    names = ("small", "large") if labelled else ()
    loader = Loader(title="Squares", licence="none", citation="none", class_names=names, sources={})
    parts = (squares("train", 200, labelled), squares("test", test, labelled))
    facts = {"name": "squares", "title": "Squares", "loader": "squares", "source": "generated"}
    prepared.write(root / paths.prepared("squares"), Upstream(parts, exact=True), loader, 32, facts)


def results(titles: dict[str, str]) -> Results:
    """The results of some rows on the squares, as far as a study's figures ask for them."""
    rows = pd.DataFrame({"model": list(titles), "title": list(titles.values()), "dataset": "squares"})
    return Results(Path(), "small", "", [0], [DataSet("squares", "Squares", "mnist", None, None, None, None)], rows)


def make(root: Path) -> None:
    """Run every stage up to `evaluate`."""
    prepare(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("paragone.evaluation.extractors.classifier.KIMG", 2.0)
        classifier.run(root, params(), "squares")
    reference.run(root, params(), "small", "squares")
    train.run(root, params(), *ARGS)
    sample.run(root, params(), *ARGS)
    evaluate.run(root, params(), *ARGS)
