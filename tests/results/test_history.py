"""The record of a profile's figures: what is added when, what compares with what, and what got worse."""

from pathlib import Path

import pytest

from paragone.project import paths
from paragone.results import history, runs
from paragone.results.runs import Results
from support import sample_project

KEY = ("mnist-5k", "dcgan", "fd_clf")
FILE = paths.history("quick")


@pytest.fixture
def found(tmp_path: Path) -> Results:
    params = sample_project.make(tmp_path, seeds=(0, 1), datasets=("mnist-5k",))
    return runs.read(tmp_path, params, "quick")


def changed(found: Results, column: str, value: object) -> Results:
    """The results with another value of DCGAN's runs."""
    frame = found.runs.copy()
    frame.loc[frame["model"] == "dcgan", column] = value
    return found._replace(runs=frame)


def test_a_report_that_says_nothing_new_adds_nothing(tmp_path: Path, found: Results) -> None:
    (point,) = history.record(tmp_path, found)
    text = (tmp_path / FILE).read_text()
    assert history.record(tmp_path, found) == [point]
    assert (tmp_path / FILE).read_text() == text
    assert history.read(tmp_path, "quick") == [point]
    of_row = found.of("mnist-5k").query("model == 'dcgan'")
    source = "metrics.spaces.clf-mnist-5k.fd"
    assert point.figures[KEY].mean == pytest.approx(of_row[source].mean())
    assert point.figures[KEY].seeds == 2
    assert {key[1] for key in point.figures} == set(found.of("mnist-5k").query("outcome == 'finished'")["model"])


def test_what_changed_is_a_point_and_what_rose_is_worse(tmp_path: Path, found: Results) -> None:
    source = "metrics.spaces.clf-mnist-5k.fd"
    history.record(tmp_path, changed(found, source, 10.0))
    points = history.record(tmp_path, changed(found, source, 10.6))
    assert history.series(points, KEY) == [(0, 10.0), (1, 10.6)]
    assert history.worse(points, 0.05) == [history.Worse(KEY, 10.0, 10.6)]
    assert history.worse(points, 0.07) == []
    assert history.worse(points[:1], 0.0) == []
    assert history.worse([], 0.0) == []


def test_figures_of_other_terms_do_not_compare(tmp_path: Path, found: Results) -> None:
    history.record(tmp_path, found)
    points = history.record(tmp_path, changed(found, "metrics.n", 5000))
    assert len(points) == 2
    assert [i for i, _ in history.series(points, KEY)] == [1]
    assert [i for i, _ in history.series(points, ("mnist-5k", "vae", "fd_clf"))] == [0, 1]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("2026-01-01T00:00:00Z,,False,2,mnist-5k,dcgan,fd_clf,low,1,abc", "line 2 is no figure of a report"),
        ("2026-01-01T00:00:00Z,,False,2,mnist-5k,dcgan,fd_clf,nan,1,abc", "line 2 is no figure of a report .mean is"),
        ("2026-01-01T00:00:00Z,,False,2,mnist-5k", "line 2 is no figure of a report"),
    ],
)
def test_a_line_that_is_no_figure_is_named(tmp_path: Path, line: str, sentence: str) -> None:
    (tmp_path / FILE).parent.mkdir(parents=True)
    (tmp_path / FILE).write_text(f"{','.join(history.FIELDS)}\n{line}\n")
    with pytest.raises(ValueError, match=rf"runs/quick/history\.csv: {sentence}.*; correct it, or delete the file"):
        history.read(tmp_path, "quick")
