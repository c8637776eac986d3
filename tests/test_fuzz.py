"""Broken files of every kind that the project reads: only sentences come out (benchmarks/fuzz.py: for longer)."""

from pathlib import Path

from support import fuzzing


def test_whatever_a_file_holds_only_sentences_come_out(tmp_path: Path) -> None:
    refused = 0
    for kind in fuzzing.kinds(tmp_path):
        for seed in range(20):
            error = fuzzing.attempt(kind, seed)
            refused += error is not None
            assert error is None or fuzzing.is_sentence(error, kind), f"{kind.name}, seed {seed}: {error!r}"
    assert refused > 100


FOUND = (("npz", 1368), ("quick.yaml", 1393), ("quick.yaml", 1473))  # by which something else came out once


def test_what_once_came_out_otherwise(tmp_path: Path) -> None:
    kinds = {kind.name: kind for kind in fuzzing.kinds(tmp_path)}
    for name, seed in FOUND:
        said = fuzzing.attempt(kinds[name], seed)
        assert said is not None
        assert fuzzing.is_sentence(said, kinds[name]), f"{name}, seed {seed}: {said!r}"
