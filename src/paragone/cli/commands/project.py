"""Commands about a project: its settings and pipelines, plugins, searches, and what is kept on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from paragone.cli.commands import base
from paragone.cli.commands.base import OneProfile
from paragone.project import environment, paths


def pipeline(
    profiles: Annotated[
        list[str] | None,
        typer.Argument(help="Profiles that should have pipelines too, from now on.", show_default=False),
    ] = None,
    check: Annotated[bool, typer.Option(help="Only say whether the files are current; exit 1 if not.")] = False,
    drop: Annotated[
        bool, typer.Option("--drop", help="Remove the pipelines of the named profiles; results stay.")
    ] = False,
) -> None:
    """Generate the DVC pipelines of the default profile, and of those that were run before or are named here.

    DVC sees only these profiles: `dvc status`, `dvc repro` and `dvc metrics show` are about them.
    """
    root, _ = base.settings()
    base.module("cli.pipeline").run(root, profiles or [], check, drop)


def check(
    networks: Annotated[
        str,
        typer.Option(help="A profile whose networks are built too, without their weights; up to a minute."),
    ] = "",
) -> None:
    """Check params.yaml and every profile, used or not; the first fault is reported in one sentence."""
    root, _ = base.settings()
    from paragone.project import settings

    params = settings.load(root)
    if networks:
        base.module("project.networks").check(params, networks)
    print(f"{', '.join(params.profiles)}: nothing is wrong")


def check_model(
    model: Annotated[str, typer.Argument(help="A model, or its file in plugins/models.")],
    config: Annotated[str, typer.Option(help="Values of its Config as JSON, to make it small: '{\"width\": 8}'.")] = "",
) -> None:
    """Check a model against the contract and say in words what is missing; exit 1 if anything is."""
    root = environment.find_root()
    environment.prepare(root)
    raise typer.Exit(0 if base.module("cli.models").check(root, model, config) else 1)


new = typer.Typer(no_args_is_help=True, help="Create the first version of a model.")


@new.callback()
def _new() -> None:
    """So that `new` takes what to write as a command of its own."""


@new.command("model")
def new_model(
    name: Annotated[str, typer.Argument(help="Its name, for example rsgan.")],
    family: Annotated[str, typer.Option(help="Its family: the folder of its file.")] = "gan",
    profile: Annotated[str, typer.Option(help="The profile that gets its row; the default profile if left out.")] = "",
) -> None:
    """Write plugins/models/FAMILY/NAME.py, its test, and its row in a profile: a small GAN that already trains."""
    root, params = base.settings(profile)
    base.module("cli.models").new(root, params, name, family, profile or params.profile)


def search(name: Annotated[str, typer.Argument(help="A search of searches/, for example quick.")]) -> None:
    """Random search: equally many configurations of each row, chosen by held-out images. Run it again to resume.

    The outcome is docs/search/NAME.csv; what a profile takes over of it is for you to write.
    """
    root, _ = base.settings()
    from paragone.project import search as specification
    from paragone.project import settings

    profile = specification.read(root, name).profile
    base.module("cli.search").run(root, settings.read(root, profile), name)


def schema(
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether the files are current; exit 1 if not.")
    ] = False,
) -> None:
    """Write schemas/: what params.yaml and profiles may hold, for editors that complete and check YAML files."""
    base.module("cli.schema").run(environment.find_root(), check)


def trunk(profile: OneProfile = "") -> None:
    """Print the pipeline file of a profile, for `dvc repro $(paragone trunk smoke)`."""
    _, params = base.settings(profile)
    print(paths.trunk(profile or params.profile, params.profile))


def cards() -> None:
    """Write what is known about each data set (origin, licence, splits, problems, hashes) to data/cards/."""
    from paragone.data import cards as library

    for path in library.write(environment.find_root()):
        print(path)


def init(
    folder: Annotated[
        str, typer.Argument(help="The new folder, for example my-benchmark; its name becomes the project's.")
    ],
) -> None:
    """Create a project: settings, a first profile, its pipelines, git and DVC set up. It needs no clone of Paragone."""
    base.module("cli.init").run(Path(folder))


def clean(
    kinds: Annotated[
        list[str] | None,
        typer.Argument(help="temporary, checkpoints, logs, mlflow, prefect, home; all but the last if left out."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove what is listed.")] = False,
) -> None:
    """List what the project keeps and no longer needs, with sizes; with --yes, remove it. Results are never touched."""
    root = environment.find_root()
    environment.prepare(root)
    base.module("cli.clean").run(root, kinds or [], yes)


def doctor() -> None:
    """Report what this machine has, what is missing, and what it is needed for."""
    root = environment.find_root()
    environment.prepare(root)
    from paragone.cli import doctor as examination

    raise typer.Exit(0 if examination.report(root) else 1)
