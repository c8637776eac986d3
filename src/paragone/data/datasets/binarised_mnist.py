"""MNIST with two levels: each pixel is on with the probability of its grey level, drawn once for the whole set.

Salakhutdinov and Murray 2008, "On the quantitative analysis of deep belief networks", section 4. Likelihoods in nats
are published on such sets. Deviation: a draw of our own in place of the files that H. Larochelle published, so figures
differ by as much as two draws do. "Dynamic" binarisation, a new draw in each epoch, is another protocol.
"""

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from paragone.data import counter_rng
from paragone.data.base import SPLITS, Loader, Part, Request, Upstream
from paragone.data.datasets import mnist

DEFAULTS = {"seed": 0}


def binarise(source: str, request: Request) -> Upstream:
    """What a source of MNIST gives, with levels 0 and 255. Raises DatasetError, as that source does."""
    options = counter_rng.options(request.options, DEFAULTS)
    digits = mnist.LOADER.sources[source](request._replace(options={}))
    altered = f"each pixel 0 or 255, 255 with the probability of its grey level (seed {options['seed']})"
    given = [part for part in digits.parts if isinstance(part, Part)]
    return digits._replace(parts=_drawn(given, options), exact=False, altered=altered)


def _drawn(parts: list[Part], options: Mapping[str, int]) -> Iterator[Part]:
    start = dict.fromkeys(SPLITS, 0)  # pixels before this part
    for part in parts:
        index = start[part.split] + np.arange(part.images.size)
        start[part.split] += part.images.size
        levels = counter_rng.integers(index, 255, options["seed"], SPLITS.index(part.split))  # 0 to 254, uniform
        on = levels.reshape(part.images.shape) < part.images
        yield part._replace(images=np.where(on, np.uint8(255), np.uint8(0)))


LOADER = Loader(
    title="MNIST, binarised",
    licence=mnist.LOADER.licence,
    citation=mnist.LOADER.citation,
    homepage=mnist.LOADER.homepage,
    known_problems=(
        "Drawn here, once: other draws, the published files of H. Larochelle among them, give slightly other figures.",
        *mnist.LOADER.known_problems,
    ),
    counts=mnist.LOADER.counts,
    class_counts=mnist.LOADER.class_counts,
    class_names=mnist.LOADER.class_names,
    sources={source: partial(binarise, source) for source in mnist.LOADER.sources},
    options=frozenset(DEFAULTS),
    levels=2,
)
