"""The study of path lengths: paths of known length, the paper's cut, and the spaces of real networks."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from paragone.evaluation.studies import path_length
from paragone.evaluation.studies.path_length import EPSILON, Options
from paragone.models.base import Model, Spec
from paragone.models.gan.dcgan import DCGAN
from paragone.models.gan.stylegan import StyleGAN
from paragone.report.studies import path_length as report
from paragone.results.runs import DataSet, Results


class Linear(Model):
    """Images of two pixels a row that are the latent itself, after a mapping that doubles it."""

    capabilities = frozenset({"latents", "decode"})

    def __init__(self) -> None:
        super().__init__()
        self.mapping = nn.Linear(4, 4, bias=False)
        self.mapping.weight.data = 2 * torch.eye(4)

    def latents(self, n: int) -> tuple[Tensor, Tensor]:
        return torch.randn(n, 4).double(), torch.randn(n, 4).double()  # and noise, which moves every image by as much

    def decode(self, z: tuple[Tensor, Tensor]) -> Tensor:
        return (self.mapping(z[0]) + z[1]).view(-1, 1, 2, 2)


class Pixels(nn.Module):
    """As features, a pixel beside a 1: what becomes a unit vector is its angle."""

    def forward(self, x: Tensor) -> list[Tensor]:
        return [torch.cat([x.double(), torch.ones_like(x, dtype=torch.float64)], 1)]


def test_lengths_are_those_of_the_derivative() -> None:
    """d over epsilon squared tends to the squared speed of the features: here each pixel's angle, d atan(x)."""
    found = path_length.assess(Linear().double(), Pixels(), 4000, 0)
    generator = np.random.default_rng(0)
    a, b, noise = generator.normal(size=(3, 40_000, 4))
    t = generator.uniform(size=(40_000, 1))
    at, speed = 2 * ((1 - t) * a + t * b) + noise, 2 * (b - a)
    w = ((speed / (1 + at**2)) ** 2).mean(1)
    assert found["w"] is not None
    assert found["w"]["full"] == pytest.approx(path_length.inner_mean(w), rel=0.06)
    at = 2 * a + noise
    w = ((speed / (1 + at**2)) ** 2).mean(1)
    assert found["w"]["end"] == pytest.approx(path_length.inner_mean(w), rel=0.06)
    assert found["z"] is not None
    p, q = (np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    angle = np.arccos((a / p * b / q).sum(1, keepdims=True))
    across = (b / q - np.cos(angle) * a / p) / np.sin(angle)
    speed = 2 * (p * angle * across + (q - p) * a / p)  # along the great circle
    z = ((speed / (1 + at**2)) ** 2).mean(1)
    assert found["z"]["end"] == pytest.approx(path_length.inner_mean(z), rel=0.06)


def test_points_along_the_sphere_and_straight() -> None:
    a, b = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 4.0]])
    half = path_length.between(a, b, torch.tensor([[0.5]], dtype=torch.float64), straight=False)
    torch.testing.assert_close(half, torch.tensor([[3 / math.sqrt(2), 3 / math.sqrt(2)]]))
    torch.testing.assert_close(
        path_length.between(a, b, torch.tensor([[0.25]], dtype=torch.float64), straight=True),
        torch.tensor([[1.5, 1.0]]),
    )
    for t, end in ((0.0, a), (1.0, b)):
        at = path_length.between(a, b, torch.tensor([[t]], dtype=torch.float64), straight=False)
        torch.testing.assert_close(at, end, rtol=0, atol=1e-6)


def test_the_extremes_are_cut_as_in_the_paper() -> None:
    values = np.arange(1001, dtype=float)
    values[-1] = 1e9
    assert path_length.inner_mean(values) == np.arange(10, 991).mean()


def test_the_distance_is_zero_for_equal_images_and_ignores_the_length_of_features() -> None:
    x, y = torch.rand(3, 1, 2, 2), torch.rand(3, 1, 2, 2)
    assert not path_length.distance(Pixels(), x, x).any()
    features = Pixels()(x)[0], Pixels()(y)[0]
    cosine = cosine_similarity(*features, dim=1)
    torch.testing.assert_close(path_length.distance(Pixels(), x, y), (2 - 2 * cosine).mean((1, 2)))


def test_of_networks_the_mapping_is_put_back_and_one_without_has_z_alone() -> None:
    torch.manual_seed(0)
    config = StyleGAN.Config(width=32, max_width=8, z_dim=8, w_dim=8, depth=2)
    model = StyleGAN(config, Spec((1, 16, 16))).eval()
    mapping = model.mapping
    found = path_length.assess(model, Pixels(), 100, 0)
    assert model.mapping is mapping
    assert found["w"] is not None
    z = model.latents(5)
    with path_length._starting_from_w(model):
        images = model.decode((mapping(z[0]), z[1]))
    torch.testing.assert_close(images, model.decode(z))
    assert found == path_length.assess(model, Pixels(), 100, 0)
    plain = path_length.assess(DCGAN(DCGAN.Config(width=4), Spec((1, 16, 16))).eval(), Pixels(), 100, 0)
    assert plain["w"] is None
    assert plain["z"] is not None
    assert plain["z"]["full"] > 0


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="n is 50; it must be at least 100"):
        Options(n=50)
    with pytest.raises(ValueError, match="features is 'random_conv'; choose from classifier, lite0, vgg16"):
        Options(features="random_conv")


def test_the_page_has_a_panel_a_space_and_a_point_a_seed() -> None:
    lengths = {"full": 4.0, "end": 3.0}
    rows = {
        "progan": [{"seed": seed, "z": lengths, "w": None} for seed in (0, 1)],
        "stylegan": [{"seed": 0, "z": lengths, "w": {"full": 2.0, "end": 1.0}}],
    }
    found = {"features": "lite0", "epsilon": EPSILON, "n": 2000, "datasets": {"drawn": {"rows": rows, "diverged": []}}}
    titles = pd.DataFrame({"model": list(rows), "title": ["ProGAN", "StyleGAN"], "dataset": "drawn"})
    sets = [DataSet("drawn", "Drawn", "shapes", None, None, None, None)]
    results = Results(Path(), "small", "", [0, 1], sets, titles)
    (plot,) = report.plots(found, results)
    z, w = plot.figure.axes
    assert [tick.get_text() for tick in z.get_yticklabels()] == ["ProGAN", "StyleGAN"]
    assert [list(line.get_xdata()) for line in w.get_lines()] == [[2.0], [1.0]]
    assert "2,000 paths each" in plot.caption
    (grid,) = report.grids(found, results)
    assert [cell.text for cell in grid.lines[1].cells] == ["StyleGAN", "Drawn", "4", "3", "2", "1"]
    empty = {**found, "datasets": {"drawn": {"rows": {"progan": []}, "diverged": []}}}
    assert report.plots(empty, results) == []
