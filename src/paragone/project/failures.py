"""The note beside a run that says why the last attempt at one of its stages failed; the report prints it as a row."""

import time
from pathlib import Path

from paragone.project import files, paths, texts


def note(root: Path, run: paths.Run, stage: str, reason: str) -> None:
    """Write the note, unless there is no such run in the project (its pipeline's folder is missing). It travels, so
    it names no home and no password."""
    if (root / run.branch).is_dir():
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        files.write_json(root / run.failure, {"stage": stage, "reason": texts.private(reason, root), "time": moment})


def clear(root: Path, run: paths.Run) -> None:
    """Remove the note after a success."""
    (root / run.failure).unlink(missing_ok=True)
