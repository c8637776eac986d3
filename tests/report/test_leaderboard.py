"""Saved tables of one protocol become one page; others are refused by name."""

from pathlib import Path

import pandas as pd
import pytest

from paragone.cli import leaderboard as command
from paragone.engine.inference import ReuseError
from paragone.report import leaderboard, tables
from paragone.report.leaderboard import LeaderboardError
from paragone.results import schema
from support.sample_project import Project


@pytest.fixture(scope="module")
def table(project: Project) -> pd.DataFrame:
    return schema.as_table(project.found.runs)


def test_the_rows_of_both_are_in_one_page(project: Project, table: pd.DataFrame, tmp_path: Path) -> None:
    few = table[table["model"].isin(["dcgan", "vae"])]
    for name, part in (("ours", few[few["model"] == "dcgan"]), ("theirs", few)):
        schema.write(part, tmp_path / f"{name}.parquet")
    command.run([tmp_path / "ours.parquet", tmp_path / "theirs.parquet"], tmp_path / "board")
    page = (tmp_path / "board/index.html").read_text()
    for title in ("DCGAN (ours)", "DCGAN (theirs)", "VAE", tables.FLOOR):
        assert title in page
    again = schema.read(tmp_path / "board/runs.parquet")
    fd = "metrics.spaces.clf-mnist-5k.fd"
    ours, merged = few[few["model"] == "dcgan"][fd].dropna(), again[again["model"] == "dcgan-ours"][fd].dropna()
    assert ours.tolist() == merged.tolist()
    with pytest.raises(ReuseError, match="is there already"):
        command.run([tmp_path / "ours.parquet"], tmp_path / "board")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("train.data", "another", "theirs: its data hash of mnist-5k is another, that of ours"),
        ("metrics.n", 17, "theirs: its number of samples of mnist-5k is 17, that of ours 1000"),
        (
            "metrics.spaces.clf-mnist-5k.hash",
            "f00",
            "theirs: its hash of the feature space clf-mnist-5k of mnist-5k is f00",
        ),
        ("outcome", "failed", "theirs: has no finished run; leave it out"),
    ],
)
def test_a_table_that_does_not_go_with_the_others_is_refused(
    table: pd.DataFrame, column: str, value: object, message: str
) -> None:
    with pytest.raises(LeaderboardError, match=message):
        leaderboard.merge({"ours": table, "theirs": table.assign(**{column: value})})


def test_a_table_of_another_protocol_is_refused_by_name(table: pd.DataFrame, tmp_path: Path) -> None:
    table.assign(**{"metrics.protocol": 1}).to_parquet(tmp_path / "old.parquet")
    with pytest.raises(schema.TableError, match=r"old.parquet: column 'metrics.protocol' has 1"):
        command.run([tmp_path / "old.parquet"], tmp_path / "board")
    assert not (tmp_path / "board").exists()
