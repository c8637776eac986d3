"""A data set of bars in two classes, and a conditional model on it: small enough to train in a test."""

from pathlib import Path

import numpy as np

from paragone.data import prepare as prepared
from paragone.data.base import Loader, Part, Upstream
from paragone.project import paths
from paragone.project.params import Params

CGAN = {
    "plan": {"kimg": 2, "batch": 20},
    "config": {"network": "conv", "width": 8, "optimizer": "adam", "lr": 0.001},
}
PARAMS = Params.model_validate(
    {
        "profile": "small",
        "datasets": {"bars": {"loader": "mnist", "source": "packaged"}},
        "profiles": {
            "small": {
                "about": "Bars.",
                "datasets": ["bars"],
                "seeds": [0],
                "samples": 48,
                "sample_batch": 20,
                "spaces": ["classifier"],
                "models": {"cgan": CGAN},
            }
        },
    }
)
ARGS = ("small", "bars", "cgan", 0)
RUN = paths.Run(*ARGS)


def bars(split: str, n: int) -> Part:
    """Images (n,16,16,1) with a lying bar in one of four, a standing one in the others."""
    draw = np.random.default_rng(n)
    labels = (np.arange(n) % 4 > 0).astype(np.int64)
    images = draw.integers(0, 40, (n, 16, 16, 1), dtype=np.uint8)
    for image, label, at in zip(images, labels, draw.integers(0, 12, n), strict=True):
        image[(slice(None), slice(at, at + 4)) if label else slice(at, at + 4)] += 200
    return Part(split, images, labels, "bars", np.arange(n))


def prepare(root: Path) -> None:
    loader = Loader(title="Bars", licence="none", citation="none", class_names=("lying", "standing"), sources={})
    facts = {"name": "bars", "title": "Bars", "loader": "bars", "source": "generated"}
    upstream = Upstream((bars("train", 200), bars("test", 60)), exact=True)
    prepared.write(root / paths.prepared("bars"), upstream, loader, 16, facts)
