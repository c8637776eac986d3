"""Dataset cards: current for every loader, and they say what the loader knows."""

from pathlib import Path

import pytest

from paragone.data import cards
from paragone.project import registry
from support import ROOT


@pytest.mark.parametrize("path", cards.cards(), ids=lambda p: p.stem)
def test_what_is_checked_in_is_current(path: Path) -> None:
    assert (ROOT / path).read_text() == cards.cards()[path], "run `paragone cards`"


def test_no_card_without_a_loader() -> None:
    assert {file.stem for file in (ROOT / "data/cards").glob("*.md")} == set(registry.names("datasets"))


def test_a_card_says_what_its_loader_knows() -> None:
    text = cards.card("mnist", registry.load("datasets", "mnist").LOADER)
    for phrase in (
        "**Licence:** CC BY-SA 3.0",
        "| train | 60,000 | 5,923, 6,742,",
        "| 0 | 0.1307 | 0.3081 |",
        "| t10k-labels-idx1-ubyte | 27ae3e4e09519cfbb04c329615203637 |",
        "- The first 5,000 test digits are by census employees",
    ):
        assert phrase in text
    assert "| test | 10,000 | 1,000 each |" in cards.card("cifar10", registry.load("datasets", "cifar10").LOADER)
