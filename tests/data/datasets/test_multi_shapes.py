"""Multi-object shapes: two to five figures as the manifest says, occlusion measured, the same bits each time."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from paragone.data.base import load
from paragone.data.datasets import multi_shapes, shapes
from paragone.models.base import Spec
from paragone.project import files, paths
from paragone.project.params import Dataset, Params
from paragone.stages import ingest, validate


def test_prepared_and_valid_with_every_figures_factors_whatever_the_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"n_train": 200, "n_test": 100, "seed": 3}
    entry = Dataset(loader="multi_shapes", source="generated", options=options)
    params = Params.model_construct(profile="none", profiles={}, datasets={"drawn": entry})
    folder = tmp_path / paths.prepared("drawn")
    for block in (1 << 20, 5000):
        monkeypatch.setattr(multi_shapes, "BLOCK", block)
        ingest.run(tmp_path, params, "drawn")
        assert (
            files.read_json(folder / "dataset.json")["content_hash"]
            == "6bf624ec65176b237fa9e787a6f792e5424fdd3a290ba941d162dafb8745e08c"
        )
    validate.run(tmp_path, params, "drawn")
    images, labels, spec = load(folder, "test")[:3]
    assert spec == Spec((3, 32, 32), 4)
    table = pq.read_table(folder / "manifest.parquet", filters=[("split", "=", "test")])
    values = {name: table[f"attribute_{name}"].to_numpy() for name in multi_shapes.LOADER.attributes}
    assert labels is not None
    assert (labels.numpy() + 2 == values["count"]).all()
    again, hidden = multi_shapes.draw(values, 32)
    np.testing.assert_array_equal(again, images)
    for name, value in hidden.items():
        np.testing.assert_array_equal(value, values[name])


def test_as_many_figures_as_the_count_and_none_beyond() -> None:
    values = multi_shapes.factors(np.arange(400), 0)
    assert np.bincount(values["count"]).tolist() == [0, 0, 100, 100, 100, 100]
    for k in range(5):
        absent = k >= values["count"]
        for name, count in multi_shapes.FACTORS.items():
            value = values[f"{k}_{name}"]
            assert (value[absent] == -1).all()
            assert ((value[~absent] >= 0) & (value[~absent] < count)).all()


def test_a_figure_on_top_of_another_hides_it() -> None:
    """Two squares at one place: nothing of the first is seen; far apart: all of it; a small one hides a part."""
    figure = {"shape": 1, "colour": 0, "scale": 7, "rotation": 6, "x": 128, "y": 128}
    values = {"count": np.full(3, 2), "background": np.zeros(3, int)}
    values |= {f"{k}_{name}": np.full(3, -1) for k in range(2, 5) for name in figure}
    values |= {f"0_{name}": np.full(3, value) for name, value in figure.items()}
    values |= {f"1_{name}": np.full(3, value) for name, value in figure.items()}
    values["1_colour"] = np.full(3, 5)
    values["1_x"] = np.array([128, 0, 128])
    values["1_y"] = np.array([128, 0, 128])
    values["1_scale"] = np.array([7, 7, 0])
    images, hidden = multi_shapes.draw(values, 64)
    covered, apart, part = hidden["0_hidden"].tolist()
    assert covered >= 90, "all but the blended edge"
    assert apart == 0
    small, large = (multi_shapes.RADIUS + multi_shapes.RADIUS_STEP * s for s in (0, 7))
    assert part == pytest.approx(100 * (small / large) ** 2, abs=3)
    assert hidden["1_hidden"].tolist() == [0, 0, 0]
    assert hidden["2_hidden"].tolist() == [-1, -1, -1]
    assert images[0, 32, 32].tolist() == shapes.COLOURS[5].tolist()
    assert images[1, 32, 32].tolist() == shapes.COLOURS[0].tolist()


def test_places_are_drawn_so_that_most_figures_can_be_seen() -> None:
    values = multi_shapes.factors(np.arange(2000), 0)
    _, hidden = multi_shapes.draw(values, 32)
    of_figures = np.concatenate([v[v >= 0] for v in hidden.values()])
    assert (of_figures > 0).mean() > 0.01, "occlusion is part of the set"
    assert (of_figures > 75).mean() < 0.005
