"""The factors of `shapes`, as studies know them."""

import numpy as np

from paragone.data.datasets import shapes
from paragone.evaluation.factor_classifier import Names

SHAPES = Names(
    ["shape", *shapes.FACTORS],
    np.array([len(shapes.NAMES), *shapes.FACTORS.values()]),
    np.array([name in ("shape", "colour", "background") for name in ("shape", *shapes.FACTORS)]),
)
