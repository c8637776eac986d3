"""Commands that are those of `flows`, which have the options."""

import os
import sys

import typer

from paragone.project import environment, extras


def run(context: typer.Context) -> None:
    """Bring a profile up to date and print its table: `paragone run --help` lists the options."""
    _flow("run", "benchmark", context.args)


def ui(context: typer.Context) -> None:
    """Open MLflow's comparison of the runs."""
    _flow("ui", "ui", context.args)


def serve(context: typer.Context) -> None:
    """Run the schedules of prefect.yaml until Ctrl-C."""
    _flow("serve", "serve", context.args)


def _flow(command: str, module: str, arguments: list[str]) -> None:
    """Become a command of `flows` in the project's root, under the name that the user knows."""
    os.chdir(environment.find_root())
    extras.require("pipeline")
    os.environ[environment.STARTED_AS] = f"paragone {command}"
    os.execv(sys.executable, [sys.executable, "-m", f"flows.{module}", *arguments])
