"""Published figures: apart, complete, each under a protocol."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from paragone.results import published

HERE = Path(published.__file__).parent / "published"


@pytest.mark.parametrize(
    ("loader", "count"), [("mnist", 171), ("fashion_mnist", 17), ("stacked_mnist", 82), ("cifar10", 114)]
)
def test_a_data_set_has_its_figures_and_their_protocols(loader, count):
    found = published.load(loader)
    assert len(found.figures) == count
    assert set(found.figures["protocol"]) == set(found.protocols["protocol"])
    assert found.figures[["model", "metric", "unit", "value", "source", "evidence"]].notna().all(axis=None)
    assert found.protocols.notna().all(axis=None)


def test_what_is_not_known_is_nothing():
    assert published.load("shapes").figures.empty


def test_what_was_only_recalled_is_marked():
    figures = published.everything().figures
    assert (figures["evidence"] == published.RECALLED).sum() == 74
    assert set(figures["evidence"]) == set(published.EVIDENCE)


def test_figures_of_a_key():
    (row,) = published.by_key(["pythae-vae"]).rows()
    assert published.value(row) == "89.78 ± 0.01"
    assert published.metric(row) == "NLL (nats)"
    with pytest.raises(ValueError, match=r"published.csv: there is no figure with the key 'mine'"):
        published.by_key(["mine"])


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("protocol", "mine", "line 2, WGAN: protocol 'mine' is not known; add it to protocols.csv"),
        ("unit", "furlongs", "line 2, WGAN: unit 'furlongs' is not known; the units are none, nats"),
        ("evidence", "hearsay", "line 2, WGAN: evidence 'hearsay' is not known; it is 'read in source"),
        ("value", "much", "line 2, WGAN: value 'much' is no number; correct it"),
        ("key", "pythae-vae", "two figures have the key 'pythae-vae'; give each its own"),
    ],
)
def test_what_a_row_may_not_hold_is_named(tmp_path, monkeypatch, field, value, message):
    figures = pd.read_csv(HERE / "published.csv", dtype=str)
    figures.loc[0, field] = value
    _write(figures, tmp_path, monkeypatch)
    with pytest.raises(ValueError, match=f"published.csv: {message}"):
        published.load("mnist")


def test_a_column_that_is_missing_or_not_known_is_named(tmp_path, monkeypatch):
    figures = pd.read_csv(HERE / "published.csv", dtype=str)
    _write(figures.drop(columns="unit"), tmp_path / "a", monkeypatch)
    with pytest.raises(ValueError, match=r"published.csv: no column unit; restore the file from git"):
        published.load("mnist")
    _write(figures.assign(mood="fine"), tmp_path / "b", monkeypatch)
    with pytest.raises(ValueError, match=r"published.csv: column 'mood' is not known; the columns are key, loader"):
        published.load("mnist")


def _write(figures, folder, monkeypatch):
    folder.mkdir(exist_ok=True)
    figures.to_csv(folder / "published.csv", index=False)
    shutil.copy(HERE / "protocols.csv", folder)
    monkeypatch.setattr(published, "_FOLDER", folder)


def test_markdown_marks_what_is_only_recalled():
    text = published.markdown("Fashion", published.load("fashion_mnist"))
    assert published.WARNING in text
    mnist = published.markdown("MNIST", published.load("mnist"))
    assert mnist.count(f"({published.RECALLED})") == 18
    assert "| WGAN-GP | MNIST | FID | 20.3 ± 5 | 10000 |" in mnist
