import math
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from paragone.data.base import DatasetError, Part, Request, load
from paragone.data.datasets import shapes
from paragone.models.base import Spec
from paragone.project import files, paths
from paragone.project.params import Dataset, Params
from paragone.stages import ingest, validate


def _parts(resolution: int = 32, **options: object) -> dict[str, Part]:
    return {p.split: p for p in shapes.generated(Request(Path("unused"), None, resolution, options)).parts}


def _one(side: int, **chosen: int) -> np.ndarray:
    """How much of each pixel a shape covers, (side,side) in [0,1]: red on a background without red to speak of."""
    values = dict.fromkeys(shapes.FACTORS, 0) | {"rotation": 6, "x": 128, "y": 128, "scale": 7} | chosen
    image = shapes.draw({k: np.array([v]) for k, v in values.items()}, side)[0].astype(int)
    bare = shapes.BACKGROUNDS[0][0][0], shapes.BACKGROUNDS[0][1][0]
    back = (bare[0] * (side - 1 - np.arange(side)) + bare[1] * np.arange(side)) // (side - 1)
    return (image[..., 0] - back[:, None]) / (shapes.COLOURS[0][0] - back[:, None])


def test_bits_never_change_whatever_the_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"n_train": 300, "n_test": 60, "seed": 3}
    entry = Dataset(loader="shapes", source="generated", options=options)
    params = Params.model_construct(profile="none", profiles={}, datasets={"drawn": entry})
    hashes = []
    for block in (1 << 20, 5000):
        monkeypatch.setattr(shapes, "BLOCK", block)
        ingest.run(tmp_path, params, "drawn")
        hashes.append(files.read_json(tmp_path / paths.prepared("drawn") / "dataset.json")["content_hash"])
    assert hashes[0] == hashes[1] == "553bc266f2e01b9ece00ea5023386bdbd052e74f76d32ec1fc1660221b6898b1"


def test_prepared_and_valid_with_its_factors_in_the_manifest(tmp_path: Path) -> None:
    entry = Dataset(loader="shapes", source="generated", resolution=24, options={"n_train": 600, "n_test": 120})
    params = Params.model_construct(profile="none", profiles={}, datasets={"drawn": entry})
    ingest.run(tmp_path, params, "drawn")
    validate.run(tmp_path, params, "drawn")
    assert not files.read_json(tmp_path / paths.validation("drawn"))["warnings"]
    folder = tmp_path / paths.prepared("drawn")
    images, labels, spec, *_ = load(folder, "test")
    assert spec == Spec((3, 24, 24), 6)
    table = pq.read_table(folder / "manifest.parquet", filters=[("split", "=", "test")])
    values = {name: table[f"attribute_{name}"].to_numpy() for name in ("shape", *shapes.FACTORS)}
    assert labels is not None
    assert labels.tolist() == values["shape"].tolist()
    np.testing.assert_array_equal(shapes.draw(values, 24), images)


def test_a_factor_takes_the_values_that_an_option_lists() -> None:
    few = {"background": [0], "colour": [2, 5], "rotation": [6], "scale": [4, 7], "y": [128]}
    part = _parts(n_train=300, n_test=60, **few)["train"]
    for name, values in few.items():
        assert set(part.attributes[name]) == set(values)
    rows = np.stack(list(part.attributes.values()), 1)
    assert len(np.unique(rows, axis=0)) == 300
    np.testing.assert_array_equal(part.images, shapes.draw(part.attributes, 32))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"colour": [8]}, r"options.colour: \[8\] is not a list of different whole numbers from 0 to 7"),
        ({"colour": [1, 1]}, "options.colour"),
        ({"scale": []}, "options.scale"),
        ({"scale": 3}, "options.scale: 3 is not a list"),
        ({"x": [0], "y": [0], "background": [0], "rotation": [0]}, "there are 384 different ones; ask for less"),
    ],
)
def test_factor_options_that_cannot_be(options: dict[str, object], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        _parts(n_train=300, n_test=100, **options)


def test_every_image_is_another_combination_and_classes_are_balanced() -> None:
    values = shapes.factors(np.arange(60_000), 0)
    rows = np.stack(list(values.values()), 1)
    assert len(np.unique(rows, axis=0)) == 60_000
    assert np.bincount(values["shape"]).tolist() == [10_000] * 6
    for name, count in shapes.FACTORS.items():
        found = np.bincount(values[name], minlength=count)
        assert len(found) == count
        assert abs(found - 60_000 / count).max() < 5 * math.sqrt(60_000 / count), name


def test_seed_and_length() -> None:
    short, long, other = (_parts(16, n_train=n, n_test=6, seed=s) for n, s in ((60, 0), (90, 0), (60, 1)))
    np.testing.assert_array_equal(short["train"].images, long["train"].images[:60])
    assert (short["train"].images != other["train"].images).any(axis=(1, 2, 3)).all()


AREAS = {  # of the unit radius
    "ellipse": math.pi * 0.6,
    "square": 4 * 0.72**2,
    "triangle": 3 * math.sqrt(3) / 4,
    "star": 10 * math.tan(math.pi / 10) / (3 - math.tan(math.pi / 10) ** 2),
    "cross": 4 * 0.32 * (2 * 0.9 - 0.32),
    "heart": (0.5 + math.pi / 8) * 1.5**2,
}


@pytest.mark.parametrize("shape", range(6))
@pytest.mark.parametrize(("side", "rotation"), [(32, 6), (96, 0), (96, 11)])
def test_area(shape: int, side: int, rotation: int) -> None:
    """The pixels' shares add up to the figure's area: edges are blended without bias."""
    for scale in (0, 7):
        radius = (0.16 + 0.02 * scale) * side
        area = _one(side, shape=shape, scale=scale, rotation=rotation).sum() / radius**2
        assert area == pytest.approx(AREAS[shapes.NAMES[shape]], rel=0.6 / radius)


@pytest.mark.parametrize("shape", range(6))
def test_place_and_symmetry(shape: int) -> None:
    """x goes right, y goes down; each shape mirrors itself left to right."""
    for x, y in ((0, 0), (255, 0), (40, 200)):
        cover = _one(96, shape=shape, x=x, y=y)
        for axis, place in ((0, x), (1, y)):
            centre = (cover.sum(axis) * (np.arange(96) + 0.5)).sum() / cover.sum() / 96
            assert centre == pytest.approx(0.3 + 0.4 * place / 255, abs=0.05 if axis else 0.003)
    distance = shapes.DISTANCES[shape](*np.meshgrid(np.linspace(-1, 1, 41), np.linspace(1, -1, 41)))
    np.testing.assert_allclose(distance, distance[:, ::-1], atol=1e-5)


@pytest.mark.parametrize("shape", range(6))
def test_nothing_is_cut_off_at_the_border(shape: int) -> None:
    for corner in ((0, 0), (0, 255), (255, 0), (255, 255)):
        for rotation in range(12):
            cover = _one(64, shape=shape, x=corner[0], y=corner[1], rotation=rotation)
            outline = np.concatenate([cover[0], cover[-1], cover[:, 0], cover[:, -1]])
            assert (outline > 0.9).sum() <= 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_train": 0}, "options.n_train: 0 is not a whole number from 1; correct it"),
        ({"n_test": "many"}, "options.n_test: 'many' is not a whole number"),
        ({"n_test": 2.5}, "options.n_test: 2.5 is not a whole number"),
        ({"seed": -1}, "options.seed: -1 is not a whole number from 0"),
        ({"seed": True}, "options.seed: True is not"),
        ({"n_train": 10**10}, "there are 1,811,939,328 different ones; ask for less"),
    ],
)
def test_options_that_cannot_be(options: dict[str, object], message: str) -> None:
    with pytest.raises(DatasetError) as error:
        _parts(**options)
    assert message in str(error.value)
