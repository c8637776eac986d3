"""Stage `study`: a measurement over the runs of a profile, or of its data, that belongs to no single run."""

from pathlib import Path

from paragone.evaluation.protocol_number import PROTOCOL
from paragone.project import files, paths, registry
from paragone.project.params import Params


def run(root: Path, params: Params, profile: str, name: str) -> None:
    """Write runs/<profile>/studies/<name>.json. Raises ValueError naming what is missing."""
    found = registry.load("studies", name).measure(params.study(root, profile, name))
    files.write_json(root / paths.study(profile, name), {"protocol": PROTOCOL, **found})
    print(f"study {name}: {paths.study(profile, name)}")
