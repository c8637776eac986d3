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
