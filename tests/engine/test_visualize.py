"""Pictures of what a model can do: what stands where, and that walks go the way they should."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from paragone.data.base import ImageSet
from paragone.engine import visualize
from paragone.models.base import Model, Spec

CPU = torch.device("cpu")
TEST = ImageSet(
    torch.randint(256, (50, 8, 8, 1), generator=torch.Generator().manual_seed(0), dtype=torch.uint8),
    torch.arange(50) % 3,
    Spec((1, 8, 8), 3),
)


class Painter(Model):
    """Two latents set the left and the right half; the second counts double. A third does nothing."""

    capabilities = frozenset({"latents", "decode"})

    def latents(self, n: int) -> Tensor:
        return torch.randn(n, 3)

    def decode(self, z: Tensor) -> Tensor:
        x = torch.zeros(len(z), 1, 8, 8)
        x[..., :4] += z[:, 0, None, None, None] / 8
        x[..., 4:] += z[:, 1, None, None, None] / 4
        return x


class Labelled(Painter):
    """As Painter, brighter by class; told the label, it gives the image back."""

    needs = frozenset({"image", "label"})
    capabilities = Painter.capabilities | {"reconstruct"}

    def decode(self, z: Tensor, cond: Tensor) -> Tensor:
        return super().decode(z) / 4 + 0.3 * cond.view(-1, 1, 1, 1)

    def reconstruct(self, x: Tensor, cond: Tensor) -> Tensor:
        assert torch.equal(cond, TEST.labels[: len(x)])
        return x


class Still(Painter):
    capabilities = Painter.capabilities | {"rate"}

    def rate(self, x: Tensor) -> Tensor:
        return torch.tensor([0.5, 0.1, 0.2]).expand(len(x), 3)


class Coded(Painter):
    capabilities = Painter.capabilities | {"traversals"}

    def traversals(self, z: Tensor, steps: int) -> Tensor:
        return torch.zeros(2, steps, 3)


class Noise(Model):
    capabilities = frozenset({"latents", "decode"})

    def latents(self, n: int) -> Tensor:
        return torch.randn(n, 1, 8, 8)

    def decode(self, z: Tensor) -> Tensor:
        return z.clamp(-1, 1)


def draw(model: Model) -> dict[str, np.ndarray]:
    return {name: np.asarray(p).astype(int) for name, p in visualize.draw(model, TEST, seed=0, device=CPU).items()}


def tiles(picture: np.ndarray) -> np.ndarray:
    """(rows,columns,8,8) of a grid."""
    rows, columns = (side // 9 + 1 for side in picture.shape)
    padded = np.pad(picture, ((0, 1), (0, 1)))
    return padded.reshape(rows, 9, columns, 9).transpose(0, 2, 1, 3)[..., :8, :8]


def test_each_ability_has_its_picture_and_no_other() -> None:
    assert list(draw(Painter())) == ["interpolation", "traversal"]
    assert list(draw(Labelled())) == ["pairs", "interpolation", "traversal"]
    assert list(draw(Noise())) == ["interpolation"]
    assert draw(Model()) == {}


def test_pairs_stand_one_above_the_other_and_know_the_label() -> None:
    shown = tiles(draw(Labelled())["pairs"])
    assert shown.shape == (8, 10, 8, 8)
    assert np.array_equal(shown[0::2], shown[1::2])
    assert np.array_equal(shown[::2].reshape(-1, 8, 8), TEST.images[:40, ..., 0].numpy())


def test_rows_of_a_labelled_model_are_of_their_class() -> None:
    level = tiles(draw(Labelled())["interpolation"]).mean((1, 2, 3))
    assert np.argsort(level[:3]).tolist() == [0, 1, 2]
    assert level[3:] == pytest.approx(level[:3], abs=20)


def test_the_latent_that_changes_most_is_traversed_first() -> None:
    shown = tiles(draw(Painter())["traversal"])
    assert shown.shape == (3, 10, 8, 8)
    left, right = shown[..., 0, 0], shown[..., 0, 7]
    assert (np.diff(right[0]) > 0).all()
    assert (np.diff(left[1]) > 0).all()
    assert not np.ptp(left[0])
    assert not np.ptp(right[1])
    assert not np.ptp(shown[2], axis=0).any()
    assert right[0, -1] - right[0, 0] == pytest.approx(2 * 2.33 / 4 * 127.5, rel=0.15)  # 1 % to 99 % of a normal


def test_where_a_rate_says_more_it_decides() -> None:
    shown = tiles(draw(Still())["traversal"])
    assert [bool(np.ptp(row, axis=0).any()) for row in shown] == [True, False, True]
    assert not np.ptp(shown[0, :, 0, 7])


def test_a_model_may_choose_its_rows() -> None:
    assert tiles(draw(Coded())["traversal"]).shape == (2, 10, 8, 8)


def test_pictures_follow_from_the_seed() -> None:
    torch.manual_seed(3)
    first = draw(Painter())
    other = visualize.draw(Painter(), TEST, seed=1, device=CPU)
    assert all(np.array_equal(first[name], again) for name, again in draw(Painter()).items())
    assert not any(np.array_equal(first[name], picture) for name, picture in other.items())


def test_walks_between_normal_draws_keep_to_their_shell() -> None:
    a, b = torch.randn(2, 1000, generator=torch.Generator().manual_seed(0))
    way = visualize.interpolate(a, b, 7, "normal")
    torch.testing.assert_close(way[[0, -1]], torch.stack([a, b]))
    assert (way.norm(dim=1) / a.norm() - 1).abs().max() < 0.05
    assert visualize.interpolate(a, b, 7, "uniform").norm(dim=1).min() < 0.8 * a.norm()
    steps = (way[1:] - way[:-1]).norm(dim=1)
    torch.testing.assert_close(steps, steps.mean().expand(6), rtol=0.05, atol=0)


def test_parallel_draws_are_joined_by_a_line() -> None:
    a = torch.ones(1)
    torch.testing.assert_close(visualize.interpolate(a, -a, 3, "normal").flatten(), torch.tensor([1.0, 0.0, -1.0]))
    torch.testing.assert_close(visualize.interpolate(a, 3 * a, 3, "normal").flatten(), torch.tensor([1.0, 2.0, 3.0]))


def test_images_are_walked_between_as_vectors_are() -> None:
    a, b = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    way = visualize.interpolate(a, b, 5, "normal")
    flat = visualize.interpolate(a.flatten(), b.flatten(), 5, "normal")
    assert torch.equal(way.flatten(1), flat)


class Layered(Model):
    """Latents in two parts: where the image is bright, and a grid of noise."""

    capabilities = frozenset({"latents", "decode"})

    def latents(self, n: int) -> tuple[Tensor, Tensor]:
        return torch.randn(n, 2), torch.randn(n, 1, 8, 8)

    def decode(self, z: tuple[Tensor, Tensor]) -> Tensor:
        place, grid = z
        return (grid + place.sum(1).view(-1, 1, 1, 1)).clamp(-1, 1)


def test_latents_in_parts_are_walked_part_by_part_and_not_traversed():
    shown = visualize.draw(Layered(), TEST, seed=0, device=CPU)
    assert set(shown) == {"interpolation"}
    torch.manual_seed(0)
    a, b = Layered().latents(2 * visualize.WALKS)
    walk = visualize._walks(a, "normal"), visualize._walks(b, "normal")
    assert [part.shape for part in walk] == [(60, 2), (60, 1, 8, 8)]
    assert torch.allclose(walk[0][9], a[1], atol=1e-5)
    assert torch.allclose(walk[1][10], b[2], atol=1e-5)


class Styled(Layered):
    """The place is pulled to the middle by psi, and the draws by T; a share of the rows takes it from another."""

    capabilities = Layered.capabilities | {"truncations", "temperatures", "mixed"}

    @dataclass(frozen=True)
    class Config:
        truncation: float = 1.0
        temperature: float = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.cfg = self.Config()

    def truncations(self) -> tuple[float, ...]:
        return (0.0, 0.5, 1.0)

    def temperatures(self) -> tuple[float, ...]:
        return (0.25, 1.0)

    def latents(self, n: int) -> tuple[Tensor, Tensor]:
        a, b = super().latents(n)
        return self.cfg.temperature * a, b

    def decode(self, z: tuple[Tensor, Tensor]) -> Tensor:
        place = z[0].sum(1).view(-1, 1, 1, 1) * self.cfg.truncation / 4
        return place.expand(-1, 1, 8, 8).clamp(-1, 1)

    def mixed(self, z: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor], first: float, last: float) -> Tensor:
        x, rows = self.decode(z).clone(), slice(round(8 * first), round(8 * last))
        x[:, :, rows] = self.decode(other)[:, :, rows]
        return x


def test_truncated_rows_show_the_same_draws_nearer_to_the_middle():
    model = Styled()
    shown = tiles(draw(model)["truncated"])[..., 0, 0].astype(float)
    assert shown.shape == (3, 10)
    assert np.ptp(shown[0]) == 0
    assert np.allclose(shown[1] - shown[0, 0], (shown[2] - shown[0, 0]) / 2, atol=1)
    assert np.ptp(shown[2]) > 10
    assert model.cfg.truncation == 1.0


def test_tempered_rows_show_the_same_draws_shrunk():
    model = Styled()
    shown = tiles(draw(model)["tempered"])[..., 0, 0].astype(float) - 127.5
    assert shown.shape == (2, 10)
    assert np.allclose(shown[0], shown[1] / 4, atol=1)
    assert np.ptp(shown[1]) > 10
    assert model.cfg.temperature == 1.0


def test_mixed_images_have_a_third_of_their_styles_from_above():
    shown = tiles(draw(Styled())["mixed"])[..., 0]
    assert shown.shape == (10, 10, 8)
    assert (shown[0, 0] == 255).all()
    for part, rows in enumerate((slice(0, 3), slice(3, 5), slice(5, 8))):
        for i in range(3):
            line, kept = shown[1 + 3 * part + i], np.ones(8, bool)
            kept[rows] = False
            assert (line[1:, rows] == shown[0, 1:, rows]).all()
            assert (line[1:, kept] == line[0, kept]).all()
            assert (line[0] == shown[1 + i, 0]).all()


@pytest.mark.parametrize("paired", [True, False])
def test_translations_stand_between_their_sources_and_the_truth(paired):
    sources = torch.full((12, 8, 8, 1), 10, dtype=torch.uint8)
    test = TEST._replace(images=torch.full_like(sources, 30), labels=None, sources=sources, paired=paired)
    picture = np.asarray(visualize.translations(np.full((12, 8, 8, 1), 20, np.uint8), test))
    rows = 3 if paired else 2
    assert picture.shape == (2 * rows * 9 - 1, 10 * 9 - 1)
    assert picture[4::9, 4].tolist() == [10, 20, 30][:rows] * 2
    assert picture[4::9, -1].tolist() == [10, 20, 30][:rows] + [255] * rows  # the second block has two of ten
