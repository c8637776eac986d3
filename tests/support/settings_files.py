"""Settings as files: params.yaml, and a file for each profile."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from paragone.project import paths, profiles
from support import ROOT

Values = dict[str, Any]


def write(folder: Path, values: Values) -> None:
    """Write {profile, datasets, profiles: {name: content}} as the files that a project has."""
    params = {key: value for key, value in values.items() if key != "profiles"}
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    for name, content in values["profiles"].items():
        write_profile(folder, name, content)


def write_profile(folder: Path, name: str, content: Values) -> None:
    file = folder / paths.profile(name)
    file.parent.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump(content, sort_keys=False))


def copy(root: Path, folder: Path) -> Path:
    """Copy the settings of a project into a folder, which is returned."""
    shutil.copy(root / "params.yaml", folder)
    shutil.copytree(root / "profiles", folder / "profiles")
    return folder


def edit(folder: Path, name: str, change: Callable[[Values], object]) -> None:
    """Change a profile's content in place and write it."""
    content = yaml.safe_load((folder / paths.profile(name)).read_text())
    change(content)
    write_profile(folder, name, content)


def project_values(*names: str) -> Values:
    """The project's settings with these of its profiles, nothing left to take over."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    return {**params, "profiles": {name: profiles.resolve(ROOT, name) for name in names}}
