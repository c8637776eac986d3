"""The study of poses: a model whose code turns one factor passes, one that changes more, or nothing, does not."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from paragone.data.datasets import shapes
from paragone.evaluation.factor_classifier import FactorClassifier
from paragone.evaluation.studies import pose
from paragone.evaluation.studies.pose import Options
from support.factors import SHAPES as NAMES

FACTORS, COUNTS = NAMES.names, NAMES.counts
OPTIONS = Options(n=30, steps=5, codes={"x": 0})  # in the place of an angle
TRUSTED = np.array([name in ("colour", "x", "background") for name in FACTORS])


class Turner(nn.Module):
    """Latents are the factors as shares of their ranges; the first code moves x, backwards."""

    capabilities = frozenset({"latents", "decode", "traversals"})

    def __init__(self, driven: tuple[str, ...]) -> None:
        super().__init__()
        self.driven = driven

    def latents(self, n: int) -> Tensor:
        return torch.rand(n, len(FACTORS))

    def traversals(self, z: Tensor, steps: int) -> Tensor:
        rows = z.expand(2, steps, -1).clone()
        for name in self.driven:
            rows[0, :, FACTORS.index(name)] = torch.linspace(1, 0, steps)
        return rows

    def decode(self, z: Tensor) -> Tensor:
        values = np.round(z.double().numpy() * (COUNTS - 1)).astype(np.int64)
        images = torch.from_numpy(shapes.draw(NAMES.of(values), 32))
        return images.permute(0, 3, 1, 2) / 127.5 - 1


def turned(shapes_classifier: FactorClassifier, *driven: str) -> dict[str, object]:
    return pose.turned(Turner(driven), shapes_classifier, TRUSTED, OPTIONS, 0)["x"]  # type: ignore[arg-type]


def test_a_code_that_turns_the_object_alone_passes(shapes_classifier: FactorClassifier) -> None:
    found = turned(shapes_classifier, "x")
    assert found["follows"] > 0.9  # type: ignore[operator]
    assert found["span"] > 0.7  # type: ignore[operator]
    drawn = pose.perfect(shapes.draw, shapes_classifier, TRUSTED, OPTIONS, 32)["x"]
    assert found["kept"] == pytest.approx(drawn["kept"], abs=0.15)
    assert drawn["kept"] > 0.7


def test_a_code_that_changes_more_is_told(shapes_classifier: FactorClassifier) -> None:
    found = turned(shapes_classifier, "x", "background")
    assert found["follows"] > 0.85  # type: ignore[operator]
    assert found["kept"] < 0.4  # type: ignore[operator]
    assert found["others"]["background"] > 0.6  # type: ignore[index]


def test_a_code_that_does_nothing_turns_nothing(shapes_classifier: FactorClassifier) -> None:
    found = turned(shapes_classifier)
    assert found["follows"] == 0
    assert found["span"] == 0
    assert found["kept"] == 1


def test_options_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="steps, n and kimg are 2, 100, 300; they must be at least 3"):
        Options(steps=2)
