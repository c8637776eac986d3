"""The contract of a study: a measurement over several runs, or of the real data, that a claim rests on.

A study's file is found by its name, which `studies` of a profile lists with its options. It holds

    class Options                                # frozen keyword-only dataclass with defaults
    def depends(work: Work) -> list[Path]        # the files that it reads, relative to the root
    def measure(work: Work) -> dict[str, Any]    # what runs/<profile>/studies/<name>.json is to hold

`measure` states its sample counts, seeds and protocol in what it returns; it raises ValueError naming what is missing.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from tqdm import tqdm

from paragone.project.study import Work as Work

T = TypeVar("T")


def track(items: Sequence[T], title: str, unit: str) -> Iterable[T]:
    """The items, one after the other, with a progress bar: studies may take minutes."""
    return tqdm(items, desc=title, unit=f" {unit}", mininterval=1)
