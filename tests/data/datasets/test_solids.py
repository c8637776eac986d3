"""Solids: bits that never change, every combination once, and a geometry that an independent computation confirms."""

import math
from pathlib import Path

import numpy as np
import pytest

from paragone.data.base import DatasetError, Part, Request
from paragone.data.datasets import shapes, solids
from paragone.project import files, paths
from paragone.project.params import Dataset, Params
from paragone.stages import ingest, validate


def _parts(resolution: int = 32, **options: object) -> dict[str, Part]:
    return {p.split: p for p in solids.generated(Request(Path("unused"), None, resolution, options)).parts}


def _one(side: int, **chosen: int) -> np.ndarray:
    """A blue solid on the darkest ground, (side,side,3)."""
    values = dict.fromkeys(solids.FACTORS, 0) | {"scale": 5, "colour": 5, "azimuth": 16, "elevation": 8} | chosen
    return solids.draw({k: np.array([v]) for k, v in values.items()}, side)[0].astype(int)


def _angles(azimuth: int, elevation: int) -> tuple[float, float]:
    return math.radians(-58.125 + 3.75 * azimuth), math.radians(10 + 3 * elevation)


def test_bits_never_change_whatever_the_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"n_train": 300, "n_test": 60, "seed": 3}
    entry = Dataset(loader="solids", source="generated", options=options)
    params = Params.model_construct(profile="none", profiles={}, datasets={"drawn": entry})
    hashes = []
    for block in (1 << 16, 9000):
        monkeypatch.setattr(solids, "BLOCK", block)
        monkeypatch.setattr(shapes, "BLOCK", 10 * block)
        ingest.run(tmp_path, params, "drawn")
        hashes.append(files.read_json(tmp_path / paths.prepared("drawn") / "dataset.json")["content_hash"])
    assert hashes[0] == hashes[1] == "dde9263caf5f0fc82030d66d0538706f48f68c50fac0df3d70dfdef3a7df53a8"
    validate.run(tmp_path, params, "drawn")
    assert not files.read_json(tmp_path / paths.validation("drawn"))["warnings"]


def test_every_image_is_another_combination_and_classes_are_balanced() -> None:
    values = solids.factors(np.arange(30_000), 0)
    assert len(np.unique(np.stack(list(values.values()), 1), axis=0)) == 30_000
    assert np.bincount(values["shape"]).tolist() == [10_000] * 3
    for name, count in solids.FACTORS.items():
        found = np.bincount(values[name], minlength=count)
        assert len(found) == count
        assert abs(found - 30_000 / count).max() < 5 * math.sqrt(30_000 / count), name


def test_seed_and_length() -> None:
    short, long, other = (_parts(16, n_train=n, n_test=6, seed=s) for n, s in ((60, 0), (90, 0), (60, 1)))
    np.testing.assert_array_equal(short["train"].images, long["train"].images[:60])
    assert (short["train"].images != other["train"].images).any(axis=(1, 2, 3)).mean() > 0.95


@pytest.mark.parametrize(("azimuth", "elevation"), [(0, 0), (16, 8), (29, 15)])
def test_the_outline_has_the_area_of_the_solids_shadow(azimuth: int, elevation: int) -> None:
    """Of a cube |n_x| + |n_y| + |n_z| faces; of a cylinder its disc and its middle plane, each foreshortened."""
    side, radius = 128, 0.425 * 128
    a, e = _angles(azimuth, elevation)
    cube = (2 * solids.HALF) ** 2 * (abs(math.cos(a)) * math.cos(e) + abs(math.sin(a)) * math.cos(e) + math.sin(e))
    r, h = solids.WIDE, solids.TALL
    cylinder = math.pi * r * r * math.sin(e) + 4 * r * h * math.cos(e)
    for shape, area in ((0, cube), (1, cylinder)):
        light, other = (_one(side, shape=shape, azimuth=azimuth, elevation=elevation, background=b) for b in (0, 3))
        covered = (1 - abs(light - other).max(2) / abs(shapes.BACKGROUNDS[0][0] - shapes.BACKGROUNDS[3][0]).max()) > 0.4
        assert covered.sum() / radius**2 == pytest.approx(area, rel=0.02)


def test_the_outline_of_a_cone_is_its_disc_and_its_tip() -> None:
    """The tip and the disc's lowest point are where the projection puts them."""
    side = 128
    for elevation in (0, 8, 15):
        _, e = _angles(0, elevation)
        image = _one(side, shape=2, elevation=elevation, azimuth=3)
        rows = np.flatnonzero((abs(image - _one(side, shape=2, elevation=elevation, azimuth=28)) > 3).any((1, 2)))
        radius = 0.425 * side
        base = (solids.TIP - solids.BASE) * solids.SLOPE
        low = solids.BASE * math.cos(e) - base * math.sin(e)
        assert rows.min() == pytest.approx(side / 2 - solids.TIP * math.cos(e) * radius, abs=4)
        assert rows.max() == pytest.approx(side / 2 - low * radius, abs=4)


@pytest.mark.parametrize("shape", range(3))
def test_the_white_front_goes_round_with_the_camera(shape: int) -> None:
    """At a negative azimuth the camera stands to the right of the front as it sees it: the front is to its right."""
    places = []
    for azimuth in (2, 9, 16, 23, 30):
        image = _one(64, shape=shape, azimuth=azimuth, elevation=2)
        grey = (np.ptp(image, axis=2) < 12) & (image.min(2) > 90)  # unlike blue and the dark ground
        places.append(np.flatnonzero(grey)[:, None] % 64)
    centres = [float(p.mean()) for p in places]
    assert centres == sorted(centres, reverse=True)
    assert centres[0] - centres[-1] > 8


def test_nothing_is_cut_off_at_the_border() -> None:
    for shape in range(3):
        for elevation in (0, 15):
            one, other = (_one(64, shape=shape, elevation=elevation, azimuth=8, colour=c) for c in (0, 5))
            changed = (one != other).any(2)
            assert not np.concatenate([changed[0], changed[-1], changed[:, 0], changed[:, -1]]).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_train": 0}, "options.n_train: 0 is not a whole number from 1; correct it"),
        ({"n_test": "many"}, "options.n_test: 'many' is not a whole number"),
        ({"n_train": 10**7}, "there are 442,368 different ones; ask for less"),
    ],
)
def test_options_that_cannot_be(options: dict[str, object], message: str) -> None:
    with pytest.raises(DatasetError) as error:
        _parts(**options)
    assert message in str(error.value)
