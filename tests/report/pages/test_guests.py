"""What the page of a row from elsewhere says."""

from paragone.report import notation
from paragone.report.pages import guests

RUN = {
    "title": "Mine",
    "train.paper": "Somebody, 2026; https://example.org/mine",
    "train.guest.kind": "samples",
    "train.guest.source": "own.npz",
    "train.guest.sha256": "abc",
    "train.guest.brought": 70,
    "train.guest.notes": '["3 of 64 images are of one colour all over"]',
}


def test_it_says_where_it_came_from_and_what_was_found() -> None:
    text = guests.about([RUN])
    for said in ("Mine: a guest", "samples from own.npz", "images brought: 70", "3 of 64 images are of one colour"):
        assert said in text
    assert notation.read(text).headline.startswith("Mine: a guest")
    assert guests.paper([RUN]) == RUN["train.paper"]


def test_one_that_has_not_come_yet_has_a_page_too() -> None:
    assert "It has not been taken in yet." in guests.about([{"title": "Mine"}])
    assert guests.paper([{"title": "Mine"}]) == "from elsewhere"
