"""Published figures: apart, complete, each under a protocol."""

from pathlib import Path

import pandas as pd
import pytest

from paragone.results import published


@pytest.mark.parametrize(("loader", "count"), [("mnist", 82), ("fashion_mnist", 17)])
def test_a_data_set_has_its_figures_and_their_protocols(loader, count):
    found = published.load(loader)
    assert len(found.figures) == count
    assert set(found.figures["protocol"]) == set(found.protocols["protocol"])
    assert found.figures[["model", "metric", "value", "source", "evidence"]].notna().all(axis=None)
    assert found.protocols.notna().all(axis=None)


def test_what_is_not_known_is_nothing():
    assert published.load("shapes").figures.empty


def test_a_protocol_that_is_not_described_is_named(tmp_path, monkeypatch):
    folder = Path(published.__file__).parent / "published"
    figures = pd.read_csv(folder / "published.csv")
    figures.loc[0, "protocol"] = "mine"
    figures.to_csv(tmp_path / "published.csv", index=False)
    (tmp_path / "protocols.csv").write_bytes((folder / "protocols.csv").read_bytes())
    monkeypatch.setattr(published, "_FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"published.csv: protocol mine is not in protocols.csv"):
        published.load("mnist")


def test_markdown_marks_what_is_only_recalled():
    text = published.markdown("MNIST", published.load("mnist"))
    assert published.WARNING in text
    assert text.count("(recalled, not verified)") == 3
    assert "| WGAN-GP | MNIST | FID | 20.3 ± 5 |" in text
