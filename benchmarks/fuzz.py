"""Damage files at random and read them: every error must be a readable sentence.

    python benchmarks/fuzz.py --seconds 600 --seed 0

Each file starts as a valid one of its kind; then bytes are changed, cut, doubled or taken from another file. It is read
as the project reads it. A sentence is a ValueError or OSError raised by the project, with one line of text.
"""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support import fuzzing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    tried: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    slowest: dict[str, float] = {}
    with TemporaryDirectory() as folder:
        deadline, seed = time.monotonic() + given.seconds, given.seed
        kinds = fuzzing.kinds(Path(folder))
        while time.monotonic() < deadline:
            for kind in kinds:
                began = time.monotonic()
                error = fuzzing.attempt(kind, seed)
                slowest[kind.name] = max(slowest.get(kind.name, 0.0), time.monotonic() - began)
                tried[kind.name] += 1
                refused[kind.name] += error is not None
                if error is not None and not fuzzing.is_sentence(error, kind):
                    faults[kind.name] += 1
                    print(f"{kind.name}, seed {seed}: {type(error).__name__}: {error}", flush=True)
            seed += 1
    print(f"{given.seconds:g} s from seed {given.seed}: kind, files, refused, without a sentence, slowest")
    for name in tried:
        print(f"{name:<14}{tried[name]:>8,}{refused[name]:>9,}{faults[name]:>5}{slowest[name]:8.2f} s")


if __name__ == "__main__":
    main()
