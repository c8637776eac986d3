"""The wide table: columns that are known, through parquet and back, and what is refused by name."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from paragone.results import runs, wide_columns
from paragone.results import schema as wide
from paragone.results.schema import TableError

FD = "metrics.spaces.clf-mnist-5k.fd"


@pytest.fixture(scope="module")
def table(project) -> pd.DataFrame:
    return wide.as_table(project.found.runs)


def test_it_survives_parquet(table, tmp_path):
    wide.write(table, tmp_path / "runs.parquet")
    again = wide.read(tmp_path / "runs.parquet")
    assert list(again.columns) == list(table.columns)
    assert again["metrics.spaces.lite0-64.fd"].dtype == "float64"
    first = again.set_index("name").loc["mnist-5k/dcgan/0"]
    assert (first["train.config.width"], json.loads(first["metrics.modes.shares"])) == (32, [0.1] * 10)
    pd.testing.assert_frame_equal(wide.plain(again), wide.plain(table))


def test_a_state_under_its_earlier_name_is_read_under_the_present_one(table, tmp_path):
    earlier = table.assign(**{"stability.state": ["unlearned", *table["stability.state"][1:]]})
    wide.write(earlier, tmp_path / "runs.parquet")
    assert wide.read(tmp_path / "runs.parquet")["stability.state"][0] == "undertrained"


def test_the_results_of_the_table_alone_are_those_of_the_files(project, table):
    found = runs.of_table(table)
    assert (found.profile, found.seeds) == ("quick", [0, 1, 2])
    assert [(d.name, d.title) for d in found.datasets] == [(d.name, d.title) for d in project.found.datasets]
    for mine, theirs in zip(found.rows(), project.found.rows(), strict=True):
        for key, value in theirs.items():
            assert mine[key] == value or runs.is_missing(value), key
            assert isinstance(mine[key], bool) == isinstance(value, bool) or runs.is_missing(value), key


def test_the_file_says_the_unit_of_each_column(table, tmp_path):
    wide.write(table, tmp_path / "runs.parquet")
    schema = pq.read_schema(tmp_path / "runs.parquet")
    units = {name: schema.field(name).metadata[b"unit"].decode() for name in schema.names}
    assert (units["sampling.latency_ms"], units["train.seconds"], units[FD]) == ("ms", "s", "squared feature units")


def test_floors_stand_beside_the_runs(project):
    row = next(r for r in project.found.rows() if r["name"] == "mnist-5k/vae/1")
    assert row["floor.spaces.clf-mnist-5k.fd"] == 0.8
    assert row["dataset_title"] == "MNIST-5K"
    assert "of real test images" in wide_columns.meaning("floor.spaces.clf-mnist-5k.fd").about


def test_values_of_several_types_become_json():
    mixed = pd.DataFrame({"x": [1, "a", None]}, dtype=object)
    assert list(wide.as_table(mixed)["x"][:2]) == ["1", '"a"']


def test_every_column_is_described_with_its_unit(table):
    text = wide.describe(table)
    for column in table.columns:
        assert f"| `{column}` | " in text
    assert "| `sampling.latency_ms` | time to draw one image, median | ms |" in text


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        (
            "my_score",
            3.0,
            r"column 'my_score' is not known; take it out, or describe it in paragone\.results\.wide_columns",
        ),
        ("sampling.latency_s", 0.1, r"'sampling\.latency_s' is not known; did you mean 'sampling\.latency_ms'"),
        (FD, "9.1", rf"column '{FD}' holds '9.1', which is no number; correct it, or write the table again"),
        ("seed", 0.5, "column 'seed' holds 0.5, which is no count"),
        ("train.dirty", 1, "column 'train.dirty' holds 1, which is no flag"),
        ("title", 3, "column 'title' holds 3, which is no text"),
        ("metrics.spaces.lite0-64.recall", 66.0, "holds 66, which is not in 0..1: it is a share, not a percentage"),
    ],
)
def test_a_column_that_may_mean_something_else_is_refused_by_name(table, column, value, sentence):
    changed = table.copy()
    changed[column] = pd.Series([value] * len(table), dtype=object)
    with pytest.raises(TableError, match=sentence):
        wide.check(changed)


def test_another_unit_is_refused_by_name(table, tmp_path):
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    at = arrow.schema.get_field_index("sampling.latency_ms")
    schema = arrow.schema.set(at, arrow.schema.field(at).with_metadata({"unit": "s"}))
    pq.write_table(arrow.cast(schema), tmp_path / "runs.parquet")
    with pytest.raises(
        TableError, match=r"runs\.parquet: column 'sampling\.latency_ms' is in s, not in ms; convert it"
    ):
        wide.read(tmp_path / "runs.parquet")


def test_what_pandas_made_of_it_is_still_read(table, tmp_path):
    """Units are lost then, and whole numbers with gaps are floats: names and values are enough."""
    table.astype({"train.images": "float64"}).query("dataset == 'mnist-5k'").to_parquet(tmp_path / "runs.parquet")
    assert len(wide.read(tmp_path / "runs.parquet")) == 24


@pytest.mark.parametrize("key", wide.KEYS)
def test_a_table_without_a_key_is_refused(table, key):
    with pytest.raises(TableError, match=f"has no column '{key}'; write the table again with `paragone report`"):
        wide.check(table.drop(columns=key))


def test_runs_of_two_profiles_or_twice_the_same_are_refused(table):
    with pytest.raises(TableError, match="column 'profile' has quick, classic; keep the runs of one profile"):
        wide.check(pd.concat([table, table.assign(profile="classic")]))
    with pytest.raises(TableError, match="column 'name' has mnist-5k/gan/0 twice; keep one row per run"):
        wide.check(pd.concat([table, table]))


def test_what_is_no_table_is_named(tmp_path: Path):
    with pytest.raises(TableError, match=r"none\.parquet: no such file; `paragone report` writes one"):
        wide.read(tmp_path / "none.parquet")
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(b"PAR1" + np.arange(40).tobytes())
    with pytest.raises(TableError, match=r"cut\.parquet: not a whole parquet file"):
        wide.read(cut)


@pytest.mark.parametrize("number", [1, None])
def test_runs_of_another_protocol_are_refused(table, tmp_path, number):
    """Those of before there was a number are of the first."""
    file = tmp_path / "runs.parquet"
    other = table.drop(columns="metrics.protocol") if number is None else table.assign(**{"metrics.protocol": number})
    pq.write_table(pa.Table.from_pandas(other), file)
    with pytest.raises(TableError, match=r"runs\.parquet: column 'metrics\.protocol' has 1, .* protocol 2 here; run"):
        wide.read(file)
