"""The study of separability: latents that hold the factors tell them, tangled ones do not, constants have no score."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from paragone.data.datasets import shapes
from paragone.evaluation.factor_classifier import FactorClassifier
from paragone.evaluation.studies import disentanglement, separability
from paragone.evaluation.studies.separability import Options
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
    found = separability.assess(Drawer(), shapes_classifier, TRUSTED, Options(n=400), 0)  # type: ignore[arg-type]
    assert found["z"]["score"] < 0.25
    assert found["w"]["by_factor"]["x"] > 0.8
    assert found["w"]["score"] > found["z"]["score"] + 0.3
    for score in ("completeness", "informativeness", "mig", "sap"):  # in w, one latent is one factor
        assert found["w"][score] > found["z"][score]


def test_a_factor_that_is_held_has_no_score(shapes_classifier: FactorClassifier) -> None:
    held = Drawer(("x", "background", "colour"))
    found = separability.assess(held, shapes_classifier, TRUSTED, Options(n=100), 0)  # type: ignore[arg-type]
    unknown = dict.fromkeys(("dci", "completeness", "informativeness", "mig", "sap"))
    assert found["w"] == {"score": 0.0, "by_factor": dict.fromkeys(("colour", "x", "background")), **unknown}


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


def test_single_latents_score_as_encoders_do() -> None:
    """On readings without rare classes, those of the study of encoders on the same numbers."""
    reader = FactorClassifier(nn.Identity(), NAMES, 0.125)
    draw = np.random.default_rng(1)
    read = np.stack([draw.integers(0, 3, 600) if c else draw.uniform(size=600) for c in NAMES.categorical], 1)
    read = read.astype(np.float64)
    codes = np.concatenate([read + draw.normal(scale=0.1, size=read.shape), draw.normal(size=(600, 2))], 1)
    found = separability.disentangled(codes, read, reader, TRUSTED, Options())
    second = np.arange(600) >= 300
    dci = disentanglement.dci(codes, read[:, TRUSTED], second, NAMES.categorical[TRUSTED], 20)
    assert [found[name] for name in dci._fields] == list(dci)
    assert dci.dci > 0.8
    assert found["sap"] == disentanglement.sap(codes, read[:, TRUSTED], second, NAMES.categorical[TRUSTED]).mean()
    read[:10, FACTORS.index("colour")] = 7.0  # of too few to be learned: these samples count for nothing
    rare = separability.disentangled(codes, read, reader, TRUSTED, Options())
    assert (
        rare["sap"]
        == disentanglement.sap(codes[10:], read[10:, TRUSTED], second[10:], NAMES.categorical[TRUSTED]).mean()
    )


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="trees is 1; it must be at least 2"):
        Options(trees=1)
    with pytest.raises(ValueError, match="levels is 4; give at least 8, one over tolerance"):
        Options(levels=4)
