"""Broken files of every kind that the project reads: only sentences come out (benchmarks/fuzz.py: for longer)."""

from pathlib import Path

from support import fuzzing


def test_whatever_a_file_holds_only_sentences_come_out(tmp_path: Path) -> None:
    refused = 0
    for kind in fuzzing.kinds(tmp_path):
        for seed in range(20):
            said = fuzzing.attempt(kind, seed)
            refused += said is not None
            assert said is None or fuzzing.is_sentence(said, kind), f"{kind.name}, seed {seed}: {said!r}"
    assert refused > 100
