"""Stage `profile`: check a profile, and write it as the other stages read it."""

from pathlib import Path

from paragone.project import checks, pipeline, settings
from paragone.project.params import Params


def run(root: Path, params: Params, profile: str) -> None:
    """Write runs/<profile>/profile.json. Raises ParamsError for what cannot be run, or has other pipelines."""
    checks.profile(params, profile)
    pipeline.check_branches(root, params, profile)
    settings.write_resolved(root, params, profile)
