"""What the study `collapse` says of crashes: many trials of papers' losses, at learning rates that are right and wrong.

A trial crashes as a run does: its samples at the end miss at least a tenth of the modes, or it diverged. As with
runs, undertrained trials are left out: those with less than half of the high-quality samples that real points have.
Samples that are spread out miss modes by chance. (This was added after a first part of the study had been seen, in
which most crashes were such trials: docs/results/collapse.md.) What comes out with these as crashes is noted beside a
rate, and decides nothing. All learning rates of the study count, the same for every game; a tuned rate alone would hide
who is fragile.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from paragone.evaluation import intervals, stability
from paragone.results.claims.base import Effect, Evidence, Json, NotMeasuredError, at_least

STUDY = "collapse"
REAL = 1 - math.exp(-(3.0**2) / 2)  # of real points in the plane, the share within three standard deviations of a mode
EQUAL = {"updates": "updates of the generator", "seen": "real points"}


class Trials(NamedTuple):
    """Trials of some games that were not undertrained, and how many of them crashed."""

    hits: int
    n: int
    note: str

    @property
    def share(self) -> intervals.Interval:
        return intervals.share(self.hits, self.n)


def count(evidence: Evidence, games: Sequence[str]) -> Trials:
    """The crashes of these games on every geometry, at every learning rate.

    Raises NotMeasuredError where every trial is undertrained.
    """
    hits, n, notes = 0, 0, []
    for geometry, found in evidence.study(STUDY)["geometries"].items():
        for game in games:
            cells = _cells(found, game)
            crashed = [crash for cell in cells for crash in _crashed(cell, found["modes"])]
            learned = [crash for crash in crashed if crash is not None]
            hits, n = hits + sum(learned), n + len(learned)
            notes.append(f"{_name(game)} {sum(learned)} of {len(learned)} on the {geometry}{_both_ways(crashed)}")
    if not n:
        raise NotMeasuredError(
            f"study '{STUDY}': every trial is undertrained, so crashes cannot be told from too few updates: "
            f"{'; '.join(notes)}"
        )
    return Trials(hits, n, "; ".join(notes))


def _both_ways(crashed: Sequence[bool | None]) -> str:
    """What comes out with undertrained trials as crashes, in words; nothing where there are none."""
    undertrained = sum(crash is None for crash in crashed)
    as_crashes = sum(crash is not False for crash in crashed)
    return f" ({undertrained} undertrained; {as_crashes} of {len(crashed)} with these)" if undertrained else ""


def fewer(evidence: Evidence, steady: Sequence[str], other: Sequence[str], size: float) -> Effect:
    """By how much the share of crashes of some games exceeds that of steadier ones, which the claim says is `size` or
    more."""
    a, b = count(evidence, other), count(evidence, steady)
    what = f"Share of trials of {_names(other)} that collapse or diverge, less that of {_names(steady)}"
    found = intervals.share_difference((a.hits, a.n), (b.hits, b.n))
    return Effect(what, "%", found, at_least(size, neutral=0.0), "trials", f"{a.note}; {b.note}")


def modes(evidence: Evidence, steady: str, other: str, equal: str, size: float) -> list[Effect]:
    """By how much the share of modes that a game misses exceeds that of a steadier one, on each geometry, at the latest
    time when both had as many `equal`: "updates" of the generator, or real points "seen". Trials are paired: they begin
    with the same weights.
    """
    result = []
    for geometry, found in evidence.study(STUDY)["geometries"].items():
        a, b = [], []
        for mine, theirs in zip(_cells(found, other), _cells(found, steady), strict=True):
            at = _together(mine[equal], theirs[equal], geometry)
            a += _missing(mine, found["modes"], at[0])
            b += _missing(theirs, found["modes"], at[1])
        of = f"Share of missing modes of {_name(other)} less that of {_name(steady)}"
        what = f"{of}, {geometry}, at equal {EQUAL[equal]}"
        difference = intervals.difference(a, b, resolution=1 / found["modes"])
        result.append(Effect(what, "", difference, at_least(size, neutral=0.0), "trials"))
    return result


def _cells(found: Json, game: str) -> list[Json]:
    if game not in found["games"]:
        raise NotMeasuredError(f"study '{STUDY}' did not play '{game}'; add it to the study's games")
    cells: list[Json] = found["games"][game]
    return cells


def _crashed(cell: Json, modes: int) -> list[bool | None]:
    """Whether each trial has crashed at its end; None for one that is undertrained."""
    good = [along[-1] for along in cell["trials"]["high_quality"]]
    undertrained = [share is not None and share < stability.HALF * REAL for share in good]  # of nan, neither
    missing = _missing(cell, modes, -1)
    return [None if short else m >= stability.MISSING for short, m in zip(undertrained, missing, strict=True)]


def _missing(cell: Json, modes: int, at: int) -> list[float]:
    """The share of the modes that each trial misses at a measurement; one that diverged misses all."""
    covered = [along[at] for along in cell["trials"]["modes"]]
    return [1.0 if m is None or math.isnan(m) else 1 - m / modes for m in covered]


def _together(a: list[int], b: list[int], geometry: str) -> tuple[int, int]:
    """The places of the largest number that both lists have."""
    if not (shared := set(a) & set(b)):
        raise NotMeasuredError(f"study '{STUDY}': {geometry}: no two measurements are alike ({a} and {b})")
    return a.index(max(shared)), b.index(max(shared))


def _name(game: str) -> str:
    return game.replace("_", " ")


def _names(games: Sequence[str]) -> str:
    return ", ".join(map(_name, games))
