"""Equivariance: a picture that moves with its input scores high, one that stays does not; and the networks' own."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from paragone.evaluation.studies import equivariance
from paragone.models.base import Model, Spec
from paragone.models.gan.stylegan2 import StyleGAN2
from paragone.models.gan.stylegan3 import StyleGAN3
from paragone.models.layers import ada
from paragone.report.render import MISSING
from paragone.report.studies import equivariance as report
from paragone.stages import study
from support import square_images

SIDE = 32


class Blobs(Model):
    """Two soft discs at places that the latents say, which move as the matrix says."""

    capabilities = frozenset({"latents", "decode", "moved"})

    def latents(self, n: int) -> Tensor:
        return torch.rand(n, 2, 2) - 0.5

    def moved(self, z: Tensor, matrix: Tensor) -> Tensor:
        ticks = (torch.arange(SIDE) + 0.5) * 2 / SIDE - 1
        down, right = torch.meshgrid(ticks, ticks, indexing="ij")
        places = torch.stack([right, down, torch.ones_like(right)]).flatten(1)  # (3,P)
        back = (torch.linalg.inv(matrix) @ places)[:, :2]  # (B,2,P)
        away = (back[:, None] - z[..., None]).square().sum(2)  # (B,2,P)
        return torch.exp(-away / 0.04).sum(1).view(-1, 1, SIDE, SIDE) - 1


class Still(Blobs):
    def moved(self, z: Tensor, matrix: Tensor) -> Tensor:
        return super().moved(z, torch.eye(3).expand(len(z), 3, 3))


def test_what_moves_with_its_input_scores_up_to_the_ceiling() -> None:
    found = equivariance.assess(Blobs(), 20, 0)
    assert found["eq_t"] is None or found["eq_t"] > 100  # whole pixels: the same numbers
    assert found["eq_r"] > 100  # type: ignore[operator]
    assert found["eq_r"] == pytest.approx(found["turned"], abs=12)


def test_what_stays_scores_as_the_difference_of_the_pictures() -> None:
    found = equivariance.assess(Still(), 20, 0)
    assert found["eq_t"] == found["still"] < 25  # type: ignore[operator]
    assert found["eq_r"] < 25  # type: ignore[operator]


def test_pictures_are_turned_as_the_input_is() -> None:
    image = np.zeros((1, 8, 8))
    image[0, 1, 5] = 1.0
    quarter = equivariance.turn(image, np.pi / 2)
    moved = ada.warp(torch.from_numpy(image)[None].float(), ada.rotation(torch.tensor([np.pi / 2])).float())
    assert np.allclose(quarter, moved[0].numpy(), atol=1e-4)
    assert quarter[0].argmax() == 5 * 8 + 6  # two to the right of the middle comes below it


def test_stylegan3_r_turns_and_stylegan2_does_not() -> None:
    torch.manual_seed(0)
    small = {"z_dim": 8, "w_dim": 8, "depth": 1, "width": 512, "max_width": 16}
    three = StyleGAN3(StyleGAN3.Config(configuration="r", layers=6, **small), Spec((1, 32, 32))).eval()  # type: ignore[arg-type]
    two = StyleGAN2(StyleGAN2.Config(**small), Spec((1, 32, 32)))  # type: ignore[arg-type]
    z, still = two.latents(2), torch.eye(3).expand(2, 3, 3)
    torch.testing.assert_close(two.moved(z, still), two.decode((z[0], torch.zeros_like(z[1]))))
    torch.testing.assert_close(three.moved(z[0], still), three.decode(z[0]))
    ahead, behind = (equivariance.assess(model, 10, 0) for model in (three, two))
    assert ahead["eq_t"] - ahead["still"] > 30 > 10 > behind["eq_t"] - behind["still"]  # type: ignore[operator]
    assert ahead["eq_r"] > 50 > 25 > behind["eq_r"]  # type: ignore[operator]
    assert torch.equal(three.synthesis.input.transform, torch.eye(3))


def test_a_row_whose_input_cannot_be_moved_is_named(tmp_path: Path) -> None:
    square_images.prepare(tmp_path)
    chosen = square_images.params(studies={"equivariance": {"rows": ["vae"]}})
    square_images.train.run(tmp_path, chosen, *square_images.ARGS)
    with pytest.raises(ValueError, match=r"small.yaml: studies.equivariance.rows: 'vae' has no input that moves; name"):
        study.run(tmp_path, chosen, "small", "equivariance")


def test_the_figure_and_the_table_have_a_line_a_row() -> None:
    of = {"stylegan3": [{"seed": 0, "eq_t": 60.0, "still": 12.0, "eq_r": 20.0, "turned": 50.0}],
          "stylegan2": [{"seed": 0, "eq_t": 15.0, "still": 12.0, "eq_r": None, "turned": 50.0}]}  # fmt: skip
    found = {"n": 200, "datasets": {"squares": {"rows": of, "diverged": []}}}
    results = square_images.results({"stylegan3": "StyleGAN3", "stylegan2": "StyleGAN2"})
    (plot,) = report.plots(found, results)
    assert [tick.get_text() for tick in plot.figure.axes[0].get_yticklabels()] == ["StyleGAN3", "StyleGAN2"]
    (grid,) = report.grids(found, results)
    assert [[cell.text for cell in line.cells] for line in grid.lines] == [
        ["StyleGAN3", "Squares", "60.0", "12.0", "20.0", "50.0"],
        ["StyleGAN2", "Squares", "15.0", "12.0", MISSING, "50.0"],
    ]
