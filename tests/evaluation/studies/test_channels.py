"""The study of channels: it finds the latent that drives a factor, and says what else an entangled one changes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from paragone.data.datasets import shapes
from paragone.evaluation.factor_classifier import FactorClassifier
from paragone.evaluation.studies import channels
from paragone.evaluation.studies.channels import Bench, Options, Samples
from support.factors import SHAPES as NAMES

FACTORS, COUNTS = NAMES.names, NAMES.counts
OPTIONS = Options(found=300, tried=20, n=60, strengths=(3.0,), candidates=2)


class Drawer(nn.Module):
    """Latents, turned, are the factors as shares of their ranges; decoding draws. Noise is a second, idle part."""

    capabilities = frozenset({"latents", "decode"})
    needs = frozenset({"image"})

    def __init__(self, turn: Tensor) -> None:
        super().__init__()
        self.turn = turn

    def latents(self, n: int) -> tuple[Tensor, Tensor]:
        return torch.rand(n, len(FACTORS)) @ self.turn, torch.randn(n, 2)

    def decode(self, z: tuple[Tensor, Tensor]) -> Tensor:
        share = (z[0] @ self.turn.T).clamp(0, 1).double().numpy()
        images = torch.from_numpy(shapes.draw(NAMES.of(np.round(share * (COUNTS - 1)).astype(np.int64)), 32))
        return images.permute(0, 3, 1, 2) / 127.5 - 1


@pytest.fixture(scope="module")
def bench(shapes_classifier: FactorClassifier) -> Bench:
    trusted = np.array([name in ("colour", "x", "background") for name in FACTORS])
    return Bench(shapes_classifier, shapes.draw, trusted, OPTIONS)


def edited(bench: Bench, turn: Tensor) -> dict[tuple[str, int], dict[str, Any]]:
    found = channels.edit(Drawer(turn), bench, 0)  # type: ignore[arg-type]
    return {(t["factor"], t["level"]): t for t in found["targets"]}


def test_the_latent_of_each_factor_is_found_and_changes_it_alone(bench: Bench) -> None:
    found = edited(bench, torch.eye(len(FACTORS)))
    for name, level in (("x", 0), ("x", 3), ("background", 0), ("background", 5), ("colour", 7)):
        target = found[name, level]
        assert target["latent"] == FACTORS.index(name), target
        assert np.sign(target["strength"]) == (1 if level else -1)
        assert target["success"] > 0.7, target
        assert max(target["others"].values()) < 0.3
    assert found["x", 1]["n"] == 60


def test_a_latent_that_drives_all_factors_at_once_is_no_edit(bench: Bench) -> None:
    turn = torch.from_numpy(np.linalg.qr(np.random.default_rng(0).normal(size=(len(FACTORS),) * 2))[0]).float()
    straight, turned = (edited(bench, t) for t in (torch.eye(len(FACTORS)), turn))
    chosen = [("x", 0), ("x", 3), ("background", 0), ("background", 5)]
    assert np.mean([turned[key]["success"] for key in chosen]) < np.mean([straight[key]["success"] for key in chosen])
    assert np.mean([turned[key]["kept"] for key in chosen]) < 0.6


def test_the_rank_is_the_papers() -> None:
    torch.manual_seed(0)
    everyone = torch.randn(500, 4) * torch.tensor([1.0, 5.0, 1.0, 0.0])
    exemplars = everyone[:40].clone()
    exemplars[:, 1] = -9 + 0.5 * torch.randn(40)
    (first, sign), *_ = channels.rank(everyone, exemplars, OPTIONS)
    assert (first, sign) == (1, -1.0)
    assert 3 not in [u for u, _ in channels.rank(everyone, exemplars, replace(OPTIONS, candidates=3))]


def test_what_lies_outside_of_the_edited_region_is_compared_alone(bench: Bench) -> None:
    values = np.tile([1, 2, 7, 6, 60, 60, 0], (4, 1))
    changed = values.copy()
    changed[:, FACTORS.index("colour")] = 5
    none = torch.zeros(4, 0)
    before, after = (
        Samples((none,), torch.from_numpy(shapes.draw(NAMES.of(v), 32)), NAMES.shares(v)) for v in (values, changed)
    )
    assert channels.outside(bench, before, after, FACTORS.index("colour")) is None  # not a pixel differs
    after.images[:, -1] += 3  # the lowest row of the ground, far from the figure
    share = 32 / (32 * 32 - _near_figure(values))
    expected = 10 * np.log10(255**2 / (9 * share))
    assert channels.outside(bench, before, after, FACTORS.index("colour")) == pytest.approx(expected, abs=0.1)


def _near_figure(values: np.ndarray) -> int:
    """Pixels within 2 of the figure, to all sides."""
    figure = shapes.coverage(NAMES.of(values[:1]), 32)[0] > 1 / 512
    places = np.argwhere(figure)
    grid = np.stack(np.meshgrid(np.arange(32), np.arange(32), indexing="ij"), -1)
    return int((abs(grid[:, :, None] - places).max(-1).min(-1) <= 2).sum())


def test_rare_attributes_are_listed_and_not_measured(bench: Bench) -> None:
    turn = torch.eye(len(FACTORS))
    turn[1, 1] = 0.2  # only the first colours are drawn
    drawer = Drawer(turn)
    drawer.latents = lambda n: (torch.rand(n, len(FACTORS)) @ turn, torch.randn(n, 2))  # type: ignore[method-assign]
    drawer.turn = torch.eye(len(FACTORS))
    found = channels.edit(drawer, bench, 0)  # type: ignore[arg-type]
    rare = {(r["factor"], r["level"]) for r in found["rare"]}
    assert {("colour", 4), ("colour", 5)} <= rare
    assert not rare & {(t["factor"], t["level"]) for t in found["targets"]}


def test_what_cannot_be_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"strengths are \(0.0,\); give positive numbers"):
        Options(strengths=(0.0,))
    with pytest.raises(ValueError, match="levels at least 2"):
        Options(levels=1)
    drawer = Drawer(torch.eye(len(FACTORS)))
    drawer.capabilities = frozenset({"decode"})
    with pytest.raises(ValueError, match="row 'x' has no latents that it decodes without labels"):
        channels._check(drawer, "row 'x'")  # type: ignore[arg-type]
