"""Run a benchmark: every stage of a profile that is not current, several at once.

python -m flows.benchmark --profile quick --slots 2
"""

from typing import Annotated

import typer

from flows.prefect_server.recorded import run
from flows.run.progress import console
from flows.run.request import RequestError, check
from paragone.project import environment

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def main(
    profile: Annotated[str, typer.Option(help="A profile; default: the one that params.yaml names.")] = "",
    datasets: Annotated[str, typer.Option(help="Only these data sets, such as a,b.")] = "",
    models: Annotated[str, typer.Option(help="Only these models, such as a,b, and the parents they need.")] = "",
    seeds: Annotated[str, typer.Option(help="Only these seeds, such as 0,1.")] = "",
    slots: Annotated[
        int, typer.Option(help="Stages to run at once, one core per process of theirs; 0: one per physical core.")
    ] = 0,
    gpus: Annotated[
        str, typer.Option(help="auto, all (at least one), none, or ids such as 0,1; an id may repeat.")
    ] = "auto",
    force: Annotated[
        bool, typer.Option("--force", help="Run the stages of the chosen runs again even if current.")
    ] = False,
    limit: Annotated[
        float | None, typer.Option(help="Hours that a stage may take; default: the profile's `stage_hours`.")
    ] = None,
) -> None:
    """Bring a profile up to date and print its comparison table.

    DVC says what has changed and runs each stage; Prefect runs several at once and records them. Nothing runs twice,
    and a run that was killed resumes where it was when you start it again. A failed stage costs only what depends on
    it: the report is then built from the rest, and the exit code is 1.

    Each stage's output is .logs/PROFILE/STAGE.log. `dvc repro` does the same, one stage at a time.
    """
    try:
        root = environment.find_root()
        request = check(
            root,
            profile=profile,
            datasets=_listed(datasets),
            models=_listed(models),
            seeds=_numbers(seeds),
            slots=slots,
            gpus=gpus,
            force=force,
            hours=limit,
        )
        status = run(root, request)
    except (ValueError, OSError, RuntimeError) as error:
        console.print(f"flow: {error}", style="red")
        status = 1
    except KeyboardInterrupt:
        console.print("Stopped, and every stage with it; start again to resume from here.")
        status = 130
    raise typer.Exit(status)


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _numbers(text: str) -> list[int]:
    for name in _listed(text):
        if not name.isdecimal():
            raise RequestError(f"seeds: '{name}' is no whole number; give them as 0,1")
    return [int(name) for name in _listed(text)]


if __name__ == "__main__":
    environment.start_in_utf8()
    app(prog_name=environment.started_as())
