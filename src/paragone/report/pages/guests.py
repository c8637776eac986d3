"""What a report says of a row from elsewhere."""

import json
from collections.abc import Iterator

from paragone.results.runs import Json, is_missing


def paper(runs: list[Json]) -> str:
    """What its row says of it, in place of a model's paper."""
    found = _first(runs, "train.paper")
    return "from elsewhere" if is_missing(found) else str(found)


def about(runs: list[Json]) -> str:
    """The page's text, in the form of a docstring: what it is, and what was found when it came in."""
    return "\n".join(
        [
            f"{runs[0]['title']}: a guest, made outside of this benchmark and measured like its own rows.",
            "",
            *_facts(runs),
        ]
    )


def _facts(runs: list[Json]) -> Iterator[str]:
    kind = _first(runs, "train.guest.kind")
    if is_missing(kind):
        yield "It has not been taken in yet."
        return
    yield f"- brought as {kind} from {_first(runs, 'train.guest.source')}"
    yield f"- SHA-256 {_first(runs, 'train.guest.sha256')}"
    for label, column in (("its model", "model"), ("its run", "run"), ("images brought", "brought")):
        if not is_missing(value := _first(runs, f"train.guest.{column}")):
            yield f"- {label}: {value}"
    for note in json.loads(str(_first(runs, "train.guest.notes") or "[]")):
        yield f"- {note}"
    yield ""
    yield "How it was trained, at what cost and on which data is not known here but for what its row says."


def _first(runs: list[Json], column: str) -> object:
    return next((run[column] for run in runs if not is_missing(run.get(column))), None)
