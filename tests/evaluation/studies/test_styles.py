"""The study of styles: a translator that redraws the scene in other colours passes, others fail where they should."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from paragone.data.datasets import shapes
from paragone.data.datasets.paired import edges, luma
from paragone.evaluation.factor_classifier import FactorClassifier
from paragone.evaluation.studies import styles
from paragone.evaluation.studies.styles import Bench, Options
from support.factors import SHAPES as NAMES

FACTORS, COUNTS = NAMES.names, NAMES.counts
N = 80


class Painter(nn.Module):
    """Knows the scene of each source; paints it in drawn or in a reference's colours, or, `fixed`, always alike."""

    capabilities = frozenset({"translate", "stylise"})

    def __init__(self, bench: Bench, fixed: bool) -> None:
        super().__init__()
        self.scenes = {self._key(x): v for x, v in zip(bench.sources, bench.values, strict=True)}
        self.colours = {self._key(x): v for x, v in zip(bench.partners, bench.values, strict=True)}
        self.fixed = fixed

    @staticmethod
    def _key(image: Tensor) -> bytes:
        return image.contiguous().numpy().tobytes()

    def _known(self, x: Tensor, of: dict[bytes, np.ndarray]) -> np.ndarray:
        pixels = ((x + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1)
        return np.stack([of[self._key(image)] for image in pixels])

    def _paint(self, values: np.ndarray, colours: np.ndarray) -> Tensor:
        values = values.copy()
        for name in ("colour", "background"):
            k = FACTORS.index(name)
            values[:, k] = 0 if self.fixed else colours[:, k]
        return torch.from_numpy(shapes.draw(NAMES.of(values), 32)).permute(0, 3, 1, 2) / 127.5 - 1

    def translate(self, source: Tensor) -> Tensor:
        drawn = (torch.rand(len(source), len(FACTORS)).numpy() * COUNTS).astype(np.int64)
        return self._paint(self._known(source, self.scenes), drawn)

    def stylise(self, source: Tensor, reference: Tensor) -> Tensor:
        return self._paint(self._known(source, self.scenes), self._known(reference, self.colours))


@pytest.fixture(scope="module")
def bench(shapes_classifier: FactorClassifier) -> Bench:
    values = np.stack(list(shapes.factors(np.arange(N), 0).values()), 1)
    images = shapes.draw(NAMES.of(values), 32)
    sources = np.repeat(edges(luma(images))[..., None], 3, 3)
    content, style = (np.array([n in chosen for n in FACTORS]) for chosen in (("x", "y"), ("colour", "background")))
    return Bench(torch.from_numpy(sources), torch.from_numpy(images), values, shapes_classifier, content, style)


def test_a_painter_of_many_colours_passes(bench: Bench) -> None:
    found = styles.assess(Painter(bench, fixed=False), bench, 3, 0)  # type: ignore[arg-type]
    ends = styles._ends(bench)
    assert found["faithful"] > 0.7
    assert found["kept"] > 0.7
    assert found["diverse"] > 0.85
    assert found["distance"] > 20
    assert found["reference"] > 0.6
    assert ends["real"]["style"] > 0.7
    assert ends["chance"] < 0.15


def test_a_painter_of_one_colour_is_faithful_and_neither_diverse_nor_obedient(bench: Bench) -> None:
    found = styles.assess(Painter(bench, fixed=True), bench, 3, 0)  # type: ignore[arg-type]
    assert found["faithful"] > 0.6
    assert found["diverse"] == 0
    assert found["distance"] == 0
    assert found["reference"] < 0.15


def test_options_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="styles, n and kimg are 1, 200, 300; they must be at least 2"):
        Options(styles=1)
