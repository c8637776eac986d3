"""Command `track`: mirror the runs of a profile into MLflow, or say why not."""

from pathlib import Path

from paragone.project.params import Params
from paragone.report.tracking import mirror


def run(root: Path, params: Params, profile: str, follow: bool = False) -> None:
    """Bring the MLflow store up to date, with `follow` again and again. Raises tracking.TrackingError when it cannot
    be written."""
    written, kept = mirror.sync(root, params, profile)
    print(f"experiment paragone/{profile}: {written} runs written, {kept} already there")
    if follow:
        mirror.follow(root, params, profile)
