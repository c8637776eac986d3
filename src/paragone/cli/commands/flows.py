"""Commands that are those of `flows`, which have the options."""

import os
import sys

import typer

from paragone.project import environment, extras


def run(context: typer.Context) -> None:
    """Bring a profile up to date and print its table: `paragone run --help` lists the options."""
    _flow("benchmark", context.args)


def ui(context: typer.Context) -> None:
    """Open MLflow's comparison of the runs."""
    _flow("ui", context.args)


def serve(context: typer.Context) -> None:
    """Run the schedules of prefect.yaml until Ctrl-C."""
    _flow("serve", context.args)


def _flow(name: str, arguments: list[str]) -> None:
    """Become a command of `flows` in the project's root."""
    os.chdir(environment.find_root())
    extras.require("pipeline")
    os.execv(sys.executable, [sys.executable, "-m", f"flows.{name}", *arguments])
