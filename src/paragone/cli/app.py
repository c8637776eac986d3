"""The command `paragone`: every stage of the pipeline by hand, and the commands around them."""

import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import typer

from paragone.cli.commands import flows, project, results, stages
from paragone.cli.commands.base import explained
from paragone.project import environment, texts

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Image generators, compared on the same terms.\n\n"
    "`paragone init` creates a project and `paragone run` runs everything in it. Most commands below are its stages, "
    "which DVC calls in order (`dvc dag` shows how they depend on each other).",
)

COMMANDS = (  # in the order of `paragone --help`
    stages.ingest,
    stages.validate,
    stages.classifier,
    stages.reference,
    stages.train,
    stages.guest,
    stages.sample,
    results.score,
    results.export_statistics,
    results.export,
    results.publish,
    stages.evaluate,
    stages.study,
    stages.report,
    results.claims,
    results.table,
    results.track,
    stages.profile,
    project.pipeline,
    project.check,
    results.compare,
    results.leaderboard,
    project.check_model,
    project.search,
    project.schema,
    project.trunk,
    stages.fingerprint,
    project.cards,
    project.init,
    flows.run,
    flows.ui,
    flows.serve,
    project.clean,
    project.doctor,
)
FLOWS = (flows.run, flows.ui, flows.serve)  # which have no options here, and pass on whatever they get

for command in COMMANDS:
    if command in FLOWS:
        passed_on = {"allow_extra_args": True, "ignore_unknown_options": True}
        app.command(context_settings=passed_on, add_help_option=False)(command)
    else:
        app.command()(command)
app.add_typer(project.new, name="new")


def main(command: Callable[[], Any] = app) -> None:
    """Run the command line: bad input is one sentence on stderr and exit code 1, never a stack trace."""
    environment.start_in_utf8()
    try:
        command()
    except (ValueError, OSError, ImportError) as error:
        print(f"paragone: {texts.harmless(explained(error))}", file=sys.stderr)
        if "PARAGONE_TRACEBACK" in os.environ:
            traceback.print_exc()
        raise SystemExit(1) from None
