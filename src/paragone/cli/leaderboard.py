"""Merge saved tables of runs into one page."""

from pathlib import Path

from paragone.report import leaderboard
from paragone.results import schema


def run(saved: list[Path], out: Path) -> None:
    """Write `out`. Raises LeaderboardError or schema.TableError naming the table that does not go with the others."""
    names = [path.stem if path.stem != "runs" else (path.resolve().parent.parent.name) for path in saved]
    labels = names if len(set(names)) == len(names) else [str(path) for path in saved]
    merged = leaderboard.merge({label: schema.read(path) for label, path in zip(labels, saved, strict=True)})
    leaderboard.write(out, merged)
    print(f"{merged.about} {out / 'index.html'}")
