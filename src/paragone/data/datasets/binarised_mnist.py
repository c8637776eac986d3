"""MNIST with two levels: each pixel is on with the probability of its grey level.

Salakhutdinov and Murray 2008, "On the quantitative analysis of deep belief networks", section 4. Likelihoods in nats
are published on such sets, under two protocols whose figures do not compare:

- **static**: drawn once for the whole set. Deviation: a draw of our own in place of the files that H. Larochelle
  published, so figures differ by as much as two draws do.
- **dynamic** (`dynamic: true`): a training keeps the grey levels and draws every batch anew (Burda et al. 2016,
  https://arxiv.org/abs/1509.00519, section 5, as in their code). What else looks at the training split sees grey
  levels. Deviation: test images are drawn once here, where the paper's code draws them at each evaluation.
"""

from collections.abc import Collection, Iterator
from functools import partial

import numpy as np

from paragone.data import counter_rng
from paragone.data.base import SPLITS, DatasetError, Loader, Part, Request, Upstream
from paragone.data.datasets import mnist

DEFAULTS = {"seed": 0}


def binarise(source: str, request: Request) -> Upstream:
    """What a source of MNIST gives, with levels 0 and 255. Raises DatasetError, as that source does."""
    options = dict(request.options)
    dynamic = options.pop("dynamic", False)
    if type(dynamic) is not bool:
        raise DatasetError(f"params.yaml: options.dynamic: {dynamic!r} is neither true nor false; correct it")
    seed = counter_rng.options(options, DEFAULTS)["seed"]
    digits = mnist.LOADER.sources[source](request._replace(options={}))
    altered = f"each pixel 0 or 255, 255 with the probability of its grey level (seed {seed})"
    if dynamic:
        altered += "; training images are drawn anew for every batch, and kept as grey levels"
    given = [part for part in digits.parts if isinstance(part, Part)]
    parts = _drawn(given, seed, ("test",) if dynamic else SPLITS)
    return digits._replace(parts=parts, exact=False, altered=altered, dynamic=dynamic)


def _drawn(parts: list[Part], seed: int, splits: Collection[str]) -> Iterator[Part]:
    start = dict.fromkeys(SPLITS, 0)  # pixels before this part
    for part in parts:
        if part.split not in splits:
            yield part
            continue
        index = start[part.split] + np.arange(part.images.size)
        start[part.split] += part.images.size
        levels = counter_rng.integers(index, 255, seed, SPLITS.index(part.split))  # 0 to 254, uniform
        on = levels.reshape(part.images.shape) < part.images
        yield part._replace(images=np.where(on, np.uint8(255), np.uint8(0)))


LOADER = Loader(
    title="MNIST, binarised",
    licence=mnist.LOADER.licence,
    citation=mnist.LOADER.citation,
    homepage=mnist.LOADER.homepage,
    known_problems=(
        "Drawn here, once: other draws, the published files of H. Larochelle among them, give slightly other figures.",
        "With `dynamic: true` training images are drawn anew for every batch: its figures are another protocol's.",
        *mnist.LOADER.known_problems,
    ),
    counts=mnist.LOADER.counts,
    class_counts=mnist.LOADER.class_counts,
    class_names=mnist.LOADER.class_names,
    sources={source: partial(binarise, source) for source in mnist.LOADER.sources},
    options=frozenset({*DEFAULTS, "dynamic"}),
    levels=2,
)
