"""Read params.yaml and profiles: all that are asked for, or the little that one stage needs."""

import json
import os
from pathlib import Path
from typing import Any

from paragone.project import checks, files, paths, profiles
from paragone.project.params import FILE, Params, ParamsError, Profile, checked


def load(root: Path, *names: str) -> Params:
    """The named profiles, or all, checked as a whole (`checks.profile`). Raises ParamsError."""
    params = read(root, *(names or profiles.names(root)))
    for name in params.datasets:
        checks.dataset(params, name)
    for name in params.profiles:
        checks.profile(params, name)
    return params


def read(root: Path, *names: str) -> Params:
    """The named profiles, with types checked and no model or study imported; no name: the data sets alone. An empty
    name is the default profile's. Raises ParamsError."""
    params = checked(Params, {**_params(root), "profiles": {}}, FILE)
    found = {name: _profile(root, name) for name in dict.fromkeys(name or params.profile for name in names)}
    if not (root / paths.profile(params.profile)).is_file():
        _profile(root, params.profile)  # which says that there is none
    params = params.model_copy(update={"profiles": found})
    for name, profile in found.items():
        for dataset in profile.datasets:
            _check_dataset(params, name, dataset)
    return params


def for_stage(root: Path, name: str) -> Params:
    """What a stage of a profile reads: under DVC the resolved file that its pipeline depends on, so that an edit
    meanwhile changes nothing; by hand the profile's file. An empty name is the default profile's. Raises ParamsError.
    """
    if "DVC_STAGE" not in os.environ:
        return read(root, name)
    params = read(root)
    name = name or params.profile
    return params.model_copy(update={"profiles": {name: _resolved(root, name)}})


def write_resolved(root: Path, params: Params, name: str) -> None:
    """Write a profile as the stages of its pipeline read it. Defaults are left out: a new one changes nothing."""
    values = params.get_profile(name).model_dump(mode="json", exclude_defaults=True)
    files.write_text(root / paths.resolved(name), json.dumps(values, indent=1, allow_nan=False) + "\n")  # rows in order


def _params(root: Path) -> dict[str, Any]:
    values = profiles.read(root, Path(FILE))
    if isinstance(inside := values.get("profiles"), dict):
        first = next(iter(inside), "NAME")
        raise ParamsError(
            f"{FILE}: profiles: {', '.join(map(str, inside)) or 'it'} no longer stand in here; move what is under each "
            f"name to a file of its own, as {paths.profile(first)}, and remove `profiles:`"
        )
    if "profiles" in values:
        raise ParamsError(
            f"{FILE}: profiles: no such key; each profile is a file of its own, as {paths.profile('NAME')}"
        )
    return values


def _profile(root: Path, name: str) -> Profile:
    return checked(Profile, profiles.resolve(root, name), str(paths.profile(name)))


def _resolved(root: Path, name: str) -> Profile:
    file = paths.resolved(name)
    try:
        return checked(Profile, files.read_json(root / file), str(file))
    except ValueError as error:
        raise ParamsError(f"{error}; `dvc repro {file}` makes it") from None


def _check_dataset(params: Params, profile: str, name: str) -> None:
    try:
        params.get_dataset(name)
    except ParamsError as error:
        raise ParamsError(f"{paths.profile(profile)}: datasets.{name}: {error}") from None
