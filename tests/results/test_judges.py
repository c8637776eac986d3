"""Disputes among judges: which pairs, how many votes, and who has none."""

from paragone.results import judges
from paragone.results.judges import Dispute

START = "metrics.spaces.clf-x.judges."


def run(outcome: str = "finished", **figures: float) -> dict:
    return {"outcome": outcome, **{f"{START}{judge}.fd": value for judge, value in figures.items()}}


def test_distances_are_means_over_the_seeds_that_finished() -> None:
    groups = {"a": [run(p=1.0, q=4.0), run(p=3.0, q=6.0), run("diverged")], "b": [run("failed")]}
    groups["a"][0][f"{START}p.fd_test"] = 9.0  # another figure
    assert judges.distances(groups, "clf-x") == {"a": {"p": 2.0, "q": 5.0}}
    assert judges.distances(groups, "lite0-64") == {}


def test_pairs_that_all_judges_put_in_one_order_are_no_dispute() -> None:
    found = {"far": {"p": 9.0, "q": 8.0, "r": 7.0}, "mid": {"p": 3.0, "q": 2.0, "r": 2.0}}
    assert judges.disputes(found) == []
    found["near"] = {"p": 1.0, "q": 1.0, "r": 2.5}
    assert judges.disputes(found) == [Dispute("near", "mid", 2, 3)]


def test_the_most_even_votes_come_first() -> None:
    found = {
        "a": {"p": 1.0, "q": 1.0, "r": 1.0, "s": 9.0},
        "b": {"p": 4.0, "q": 4.0, "r": 4.0, "s": 4.0},
        "c": {"p": 5.0, "q": 5.0, "r": 3.9, "s": 3.9},
    }
    first, second, third = judges.disputes(found)
    assert first == Dispute("b", "c", 2, 4)
    assert {second, third} == {Dispute("a", "b", 3, 4), Dispute("a", "c", 3, 4)}


def test_ranks_begin_at_the_lowest() -> None:
    assert judges.ranks({"a": 5.0, "b": 1.0, "c": 2.0}) == {"b": 1, "c": 2, "a": 3}


def test_rows_that_a_judging_network_helped_to_make_are_named() -> None:
    groups = {
        "vqgan": [{"title": "VQGAN", "parents": "features=classifier"}],
        "chosen": [{"title": "Chosen", "parents": "vq_vae_2=vq_vae_2, classifier=classifier"}] * 2,
        "ddim": [{"title": "DDIM", "parents": "ddpm=ddpm"}],
        "dcgan": [{"title": "DCGAN", "parents": ""}],
        "felt": [{"title": "Felt", "parents": "features=lite0"}],
    }
    assert judges.insiders(groups, ["clf-x", "random-conv"]) == {"clf-x": ["VQGAN", "Chosen"]}
    assert judges.insiders(groups, ["lite0-64"]) == {"lite0-64": ["Felt"]}
    assert judges.insiders(groups, []) == {}
