"""Stacked MNIST: three digits of MNIST, drawn at random, as the red, green and blue channel of an image: 1,000 modes.

Metz et al. 2017 (https://arxiv.org/abs/1611.02163, section 3.3.1); the label is 100 red + 10 green + blue, as in Lin et
al. 2018 (https://arxiv.org/abs/1712.04086, section 4.1). A split is drawn from the same split of MNIST, with
replacement. Deviation from both: a fixed set of images, where they draw new ones as they train.
"""

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from paragone.data import counter_rng
from paragone.data.base import SPLITS, DatasetError, Loader, Part, Request, Statistics, Upstream
from paragone.data.datasets import mnist

CHANNELS = ("red", "green", "blue")
DIGITS = 10
BLOCK = 4096  # images stacked at once
DEFAULTS = {"n_train": 50_000, "n_test": 10_000, "seed": 0}


def stack(source: str, request: Request) -> Upstream:
    """n_train and n_test stacked images of what a source of MNIST gives. Raises DatasetError, as that source does."""
    options = counter_rng.options(request.options, DEFAULTS)
    digits = mnist.LOADER.sources[source](request._replace(options={}))
    given = [part for part in digits.parts if isinstance(part, Part)]
    parts = {split: [part for part in given if part.split == split] for split in SPLITS}
    if empty := [split for split in SPLITS if not parts[split]]:
        raise DatasetError(f"MNIST from source '{source}' has no {empty[0]} images; give the set another source")
    return Upstream(_stacked(parts, options), digits.exact, digits.warnings, digits.altered)


def _stacked(parts: Mapping[str, list[Part]], options: Mapping[str, int]) -> Iterator[Part]:
    for key, split in enumerate(SPLITS):
        images = np.concatenate([part.images for part in parts[split]])  # (N,28,28,1)
        labels = np.concatenate([part.labels for part in parts[split] if part.labels is not None]).astype(np.int64)
        count = options[f"n_{split}"]
        for start in range(0, count, BLOCK):
            index = np.arange(start, min(start + BLOCK, count))
            drawn = [counter_rng.integers(index, len(images), options["seed"], key, c) for c in range(len(CHANNELS))]
            pixels = np.concatenate([images[rows] for rows in drawn], axis=-1)  # (n,28,28,3)
            digits = dict(zip(CHANNELS, (labels[rows] for rows in drawn), strict=True))
            label = 100 * digits["red"] + 10 * digits["green"] + digits["blue"]
            yield Part(split, pixels, label, f"drawn from MNIST's {split} split", index, digits)


LOADER = Loader(
    title="Stacked MNIST",
    licence=mnist.LOADER.licence,
    citation="Metz, Poole, Pfau, Sohl-Dickstein: Unrolled generative adversarial networks, 2017; digits: "
    + mnist.LOADER.citation,
    homepage=mnist.LOADER.homepage,
    known_problems=(
        "No files of it are published: each author draws their own images, here 100 red + 10 green + 1 blue each time.",
        "A thousand modes need ten thousand samples and more: fewer miss some by chance.",
        *mnist.LOADER.known_problems[2:],
    ),
    statistics=Statistics((0.1307,) * 3, (0.3081,) * 3, "of MNIST: PyTorch's examples, mnist/main.py"),
    class_names=tuple(f"{label:03}" for label in range(DIGITS ** len(CHANNELS))),
    sources={source: partial(stack, source) for source in mnist.LOADER.sources},
    options=frozenset(DEFAULTS),
    attributes=dict.fromkeys(CHANNELS, tuple(range(DIGITS))),
    channel_classes=DIGITS,
)
