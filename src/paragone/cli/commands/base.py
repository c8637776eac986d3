"""What the commands share: usual arguments, the way to the project's settings, and words for an error."""

import importlib
from pathlib import Path
from typing import Annotated, Any

import typer

from paragone.project import environment, extras, files

DatasetArgument = Annotated[str, typer.Argument(help="A data set of params.yaml, for example mnist-5k.")]
ProfileArgument = Annotated[str, typer.Argument(help="A profile of profiles/: smoke, quick, survey.")]
OneProfile = Annotated[str, typer.Argument(help="A profile of profiles/; the default profile if left out.")]
ModelArgument = Annotated[str, typer.Argument(help="A model of the profile, for example dcgan.")]
SeedOption = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="One of the profile's seeds.")]


def settings(profile: str | None = None) -> tuple[Path, Any]:
    """The project's root, and its settings: the data sets, and the one profile that is named ("": the default one)."""
    root = environment.find_root()
    environment.prepare(root)
    from paragone.project import settings

    return root, settings.read(root) if profile is None else settings.for_stage(root, profile)


def module(name: str) -> Any:
    """A module of the package, imported only now: each imports what it needs, and no more."""
    return importlib.import_module(f"paragone.{name}")


def explained(error: BaseException) -> str:
    """What an error says, with the remedy where the system names none: a disk that filled up under an open file."""
    if isinstance(error, OSError) and error.errno in files.FULL and error.filename is None:
        return f"{error.strerror}; free disk space and run again: what was finished is kept"
    return extras.explain(error) or str(error)
