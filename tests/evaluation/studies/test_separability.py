"""The study of separability: latents that hold the factors tell them, tangled ones do not, constants have no score."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from paragone.data.datasets import shapes
from paragone.evaluation.factor_classifier import FactorClassifier
from paragone.evaluation.studies import separability
from support.factors import SHAPES as NAMES

FACTORS, COUNTS = NAMES.names, NAMES.counts
TRUSTED = np.array([name in ("colour", "x", "background") for name in FACTORS])


class Drawer(nn.Module):
    """Latents are normal; `mapping` turns them into shares of the factors' ranges, from which images are drawn."""

    title, capabilities, needs = "Drawer", frozenset({"latents", "decode"}), frozenset({"image"})

    def __init__(self, held: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.held = held

    def latents(self, n: int) -> tuple[Tensor, Tensor]:
        return torch.randn(n, 2 * len(FACTORS)), torch.zeros(n, 1)

    def mapping(self, z: Tensor) -> Tensor:
        """A share depends on two latents together, so on neither alone."""
        a, b = z.chunk(2, 1)
        w = torch.special.ndtr((a * b).sign() * torch.minimum(a.abs(), b.abs()) * 1.8)
        for name in self.held:
            w[:, FACTORS.index(name)] = 0.5
        return w

    def decode(self, z: tuple[Tensor, Tensor]) -> Tensor:
        w = self.mapping(z[0])
        values = np.clip(np.floor(w.double().numpy() * COUNTS), 0, COUNTS - 1).astype(np.int64)
        return torch.from_numpy(shapes.draw(NAMES.of(values), 32)).permute(0, 3, 1, 2) / 127.5 - 1


def test_factors_are_told_from_w_and_not_from_z(shapes_classifier: FactorClassifier) -> None:
    found = separability.assess(Drawer(), shapes_classifier, TRUSTED, 400, 0)  # type: ignore[arg-type]
    assert found["z"]["score"] < 0.25
    assert found["w"]["by_factor"]["x"] > 0.8
    assert found["w"]["score"] > found["z"]["score"] + 0.3


def test_a_factor_that_is_held_has_no_score(shapes_classifier: FactorClassifier) -> None:
    held = Drawer(("x", "background", "colour"))
    found = separability.assess(held, shapes_classifier, TRUSTED, 100, 0)  # type: ignore[arg-type]
    assert found["w"] == {"score": 0.0, "by_factor": dict.fromkeys(("colour", "x", "background"))}


def test_scores_are_those_of_plain_least_squares() -> None:
    draw = np.random.default_rng(0)
    codes = draw.normal(size=(400, 3))
    read = codes @ [1.0, 2.0, 0.0] + draw.normal(size=400)
    design = np.c_[codes[:200], np.ones(200)]
    weights = np.linalg.solve(design.T @ design, design.T @ read[:200])
    error = read[200:] - np.c_[codes[200:], np.ones(200)] @ weights
    assert separability._share(codes, read) == pytest.approx(1 - error.var() / read[200:].var(), abs=0.01)
    assert separability._classes(codes, (codes[:, 0] > 0).astype(float)) == pytest.approx(1, abs=0.1)
    assert separability._classes(codes, draw.integers(0, 2, 400).astype(float)) < 0.25  # type: ignore[operator]
    assert separability._classes(codes, np.zeros(400)) is None
