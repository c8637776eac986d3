"""What of a set of pairs reaches a model's batch."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim import SGD, Optimizer

from paragone.data.base import ImageSet
from paragone.engine.batches import draw
from paragone.engine.loop import fit
from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update

CPU = torch.device("cpu")


def _set(paired: bool, sources: int = 12) -> ImageSet:
    """Image i is all i, source i all 100 + i."""
    images = torch.arange(12, dtype=torch.uint8)[:, None, None, None].expand(12, 4, 4, 1).contiguous()
    others = 100 + torch.arange(sources, dtype=torch.uint8)[:, None, None, None].expand(sources, 4, 4, 1)
    return ImageSet(images, None, Spec((1, 4, 4)), others.contiguous(), paired)


class Reader(Model):
    """Keeps the batches that it is trained on."""

    title, paper, plan = "Reader", "none", Plan(kimg=0.024, batch=4)
    needs = frozenset({"image", "source"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.seen: list[tuple[list[int], list[int]]] = []

    def optimizers(self) -> dict[str, Optimizer]:
        return {"w": SGD(self.parameters(), 0.1)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        levels = [((batch[key] + 1) * 127.5).round()[:, 0, 0, 0].int().tolist() for key in ("image", "source")]
        self.seen.append((levels[0], levels[1]))
        yield Update("w", self.weight**2)


class PairReader(Reader):
    """Needs pairs."""

    needs_pairs = True


def _seen(data: ImageSet, folder: Path, model: Reader | None = None) -> list[tuple[list[int], list[int]]]:
    model = model or Reader()
    fit(model, data, Reader.plan, seed=3, folder=folder, device=CPU, progress=False)
    return model.seen


def test_pairs_stay_together(tmp_path: Path) -> None:
    for images, sources in _seen(_set(paired=True), tmp_path, PairReader()):
        assert sources == [100 + i for i in images]


def test_pairs_are_hidden_from_a_model_that_needs_none(tmp_path: Path) -> None:
    seen = _seen(_set(paired=True), tmp_path)
    assert any(sources != [100 + i for i in images] for images, sources in seen)
    assert sorted(s for _, sources in seen[:3] for s in sources) == list(range(100, 112))


def test_a_set_without_pairs_is_refused_by_a_model_that_needs_them(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match="Reader learns from pairs and the data set's sources belong to no image; choose"
    ):
        _seen(_set(paired=False), tmp_path, PairReader())


def test_unpaired_sources_have_an_order_of_their_own(tmp_path: Path) -> None:
    """Each epoch shows every source once, whatever the number of images, in an order that repeats from its seed."""
    seen = _seen(_set(paired=False, sources=8), tmp_path / "a")
    assert seen == _seen(_set(paired=False, sources=8), tmp_path / "b")
    shown = [s for _, sources in seen for s in sources]
    epochs = [shown[i : i + 8] for i in range(0, len(shown), 8)]
    assert [sorted(e) for e in epochs] == [list(range(100, 108))] * 3
    assert epochs[0] != epochs[1]
    assert sorted(i for images, _ in seen[:3] for i in images) == list(range(12))


def test_a_model_that_needs_none_gets_none_and_one_that_does_says_so() -> None:
    index = torch.arange(3)
    assert set(draw(_set(paired=True), index, frozenset({"image"}), CPU)) == {"image"}
    with pytest.raises(
        ValueError, match="the model needs source images and the data set has none; choose a set of pairs"
    ):
        draw(_set(paired=True)._replace(sources=None), index, frozenset({"source"}), CPU)
