"""The command `paragone`: every stage of the pipeline by hand, and what helps around it."""

import importlib
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from paragone.project import environment, failures, files, paths

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Image generators, compared on the same terms.\n\n"
    "`make demo` runs everything; the commands below are its stages, which DVC calls in order "
    "(`dvc dag` shows how they depend on each other).",
)

DatasetArgument = Annotated[str, typer.Argument(help="A data set of params.yaml, for example mnist-5k.")]
ProfileArgument = Annotated[str, typer.Argument(help="A profile of params.yaml: smoke, quick, survey.")]
ModelArgument = Annotated[str, typer.Argument(help="A model of the profile, for example dcgan.")]
BESIDE = ("claims", "pipeline")  # commands that are no stages of the pipeline
SeedOption = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="One of the profile's seeds.")]


def _project() -> tuple[Path, Any]:
    root = environment.find_root()
    environment.prepare(root)
    from paragone.project import params, ranges

    loaded = params.load(root)
    ranges.check(loaded)
    return root, loaded


def _stage(name: str, *args: Any) -> None:
    """Run a stage in the project's root."""
    root, params = _project()
    _module(name).run(root, params, *args)


def _module(name: str) -> Any:
    """A stage's module, imported only now: each imports what it needs, and no more."""
    return importlib.import_module(f"paragone.{'cli' if name in BESIDE else 'stages'}.{name}")


def _check_names(params: Any, profile: str, dataset: str, model: str) -> None:
    """Raise ValueError unless the profile has this row, on this data set."""
    params.entry(profile, model)
    params.get_dataset(dataset)
    settings = params.get_profile(profile)
    if dataset not in settings.datasets:
        known = ", ".join(settings.datasets)
        raise ValueError(f"params.yaml: profiles.{profile}.datasets: does not name '{dataset}'; known: {known}")
    if model not in settings.rows(dataset):
        known = ", ".join(settings.rows(dataset))
        raise ValueError(f"params.yaml: profile '{profile}' does not run '{model}' on '{dataset}'; it runs {known}")


def _run_stage(name: str, profile: str, dataset: str, model: str, seed: int) -> None:
    """A stage of one run: a failure is noted beside the run, where the report finds it."""
    run = paths.Run(profile, dataset, model, seed)
    try:
        root, params = _project()
        _check_names(params, profile, dataset, model)
        _module(name).run(root, params, profile, dataset, model, seed)
        _check_unchanged(root, params, name, profile, model)
    except Exception as error:
        failures.note(environment.find_root(), run, name, f"{type(error).__name__}: {_explained(error)}")
        raise
    failures.clear(root, run)


def _check_unchanged(root: Path, before: Any, stage: str, profile: str, model: str) -> None:
    """Raise ValueError if the parameters of a stage were edited while it ran: DVC, which reads them at its end, would
    take what the old values made for the new ones'."""
    from paragone.project import params

    def used(values: Any) -> Any:
        settings = values.get_profile(profile)
        return {
            "train": (values.entry(profile, model), settings.budget),
            "sample": (settings.samples, settings.sample_batch),
            "evaluate": settings.spaces,
        }[stage]

    if used(params.load(root)) != used(before):
        raise ValueError(
            f"{params.FILE}: profiles.{profile}: what '{stage}' of {model} goes by was edited while it ran; start again"
        )


def _explained(error: BaseException) -> str:
    """What an error says, with the way out where the system names none: a disk that filled up under an open file."""
    if isinstance(error, OSError) and error.errno in files.FULL and error.filename is None:
        return f"{error.strerror}; free disk space and run again: what was finished is kept"
    return str(error)


def _harmless(text: str) -> str:
    """A text with signs that a terminal would obey, or that no encoding has, written out: names may hold any."""
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


@app.command()
def ingest(dataset: DatasetArgument) -> None:
    """Fetch a data set from its source and write it in the one prepared format."""
    _stage("ingest", dataset)


@app.command()
def validate(dataset: DatasetArgument) -> None:
    """Check a prepared data set with Great Expectations; a critical failure stops the pipeline."""
    _stage("validate", dataset)


@app.command()
def classifier(dataset: DatasetArgument) -> None:
    """Train the classifier whose features and classes the metrics use."""
    _stage("classifier", dataset)


@app.command()
def reference(profile: ProfileArgument, dataset: DatasetArgument) -> None:
    """Measure the real data: feature statistics, and the real-against-real floor of every metric."""
    _stage("reference", profile, dataset)


@app.command()
def train(profile: ProfileArgument, dataset: DatasetArgument, model: ModelArgument, seed: SeedOption = 0) -> None:
    """Train one model; a killed training goes on from its last checkpoint."""
    _run_stage("train", profile, dataset, model, seed)


@app.command()
def sample(
    profile: Annotated[str, typer.Argument(help="A profile of params.yaml: the stage of one of its runs.")] = "",
    dataset: Annotated[str, typer.Argument(help="A data set of the profile.")] = "",
    model: Annotated[str, typer.Argument(help="A model of the profile.")] = "",
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="One of the profile's seeds; with --run, any.")] = 0,
    run: Annotated[str, typer.Option(help="Draw from this finished run or exported folder instead.")] = "",
    n: Annotated[int, typer.Option("--n", min=1, help="With --run: how many images.")] = 64,
    labels: Annotated[str, typer.Option(help="With --run: class numbers, such as 3,3,7; one per image.")] = "",
    sources: Annotated[
        str, typer.Option(help="With --run of a model that translates: a .npy file of images, as a set's sources.npy.")
    ] = "",
    out: Annotated[
        str, typer.Option(help="With --run: the new folder of PNG files; default drawn/<run>-seed<seed>.")
    ] = "",
) -> None:
    """Draw a trained model's samples, and time it; with --run, write images of any finished run.

    paragone sample --run runs/quick/mnist-5k/dcgan/0 --n 64 --seed 1

    The same n and seed give the same bits; those of the run itself (its profile's `samples`, its seed) give its own.
    """
    if run:
        environment.prepare(Path.cwd())
        from paragone.engine import inference

        folder = Path(out or inference.folder_name(run, seed))
        inference.draw(Path(run), n, seed, inference.parse_labels(labels), folder, Path(sources) if sources else None)
    elif not model:
        raise ValueError("sample needs PROFILE DATASET MODEL, or --run with a finished run's folder")
    else:
        _run_stage("sample", profile, dataset, model, seed)


@app.command()
def export(
    run: Annotated[str, typer.Argument(help="A finished run, for example runs/quick/mnist-5k/dcgan/0.")],
    folder: Annotated[str, typer.Argument(help="The new folder.")],
) -> None:
    """Write a finished run as a folder that stands alone: weights, config and a model card; paragone.load reads it."""
    environment.prepare(Path.cwd())
    from paragone.cli import export as exporting

    exporting.export(Path(run), Path(folder))


@app.command()
def evaluate(profile: ProfileArgument, dataset: DatasetArgument, model: ModelArgument, seed: SeedOption = 0) -> None:
    """Compute every metric of a run's samples."""
    _run_stage("evaluate", profile, dataset, model, seed)


@app.command()
def study(profile: ProfileArgument, name: Annotated[str, typer.Argument(help="A study of the profile.")]) -> None:
    """Measure what belongs to no single run: how scores depend on the sample count, and the like."""
    _stage("study", profile, name)


@app.command()
def report(profile: ProfileArgument) -> None:
    """Write the tables, the figures and the page from whatever runs exist; failed runs become rows that say so."""
    _stage("report", profile)


@app.command()
def claims(
    profile: Annotated[str, typer.Argument(help="A profile of params.yaml; claims-quick if left out.")] = "",
    plan: Annotated[bool, typer.Option("--plan", help="Say what has to run for the claims not measured yet.")] = False,
    table: Annotated[str, typer.Option(help="Use this saved table of runs (runs.parquet) instead.")] = "",
    studies: Annotated[str, typer.Option(help="With --table: the folder of the studies' JSON files.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one object per claim.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, one line per effect.")] = False,
) -> None:
    """Print the surveys' claims, each with its verdict and the evidence from a profile's runs.

    paragone claims --table reports/classic/tables/runs.parquet --studies runs/classic/studies
    """
    if as_json and as_csv:
        raise ValueError("--json and --csv: give one of them")
    form = "json" if as_json else "csv" if as_csv else "table"
    if not table and not studies:
        _stage("claims", profile, plan, form)
    elif profile or plan or not table:
        raise ValueError("--table and --studies use files alone: omit PROFILE and --plan, and give --table")
    else:
        environment.prepare(Path.cwd())
        _module("claims").run_table(Path(table), Path(studies) if studies else None, form)


@app.command()
def table(
    profile: Annotated[str, typer.Argument(help="A profile of params.yaml; the default one if left out.")] = "",
) -> None:
    """Print the comparison table of a profile."""
    from paragone.stages import report as stage

    root, params = _project()
    stage.print_table(root, params, profile or params.profile)


@app.command()
def track(
    profile: Annotated[str, typer.Argument(help="A profile of params.yaml; the default one if left out.")] = "",
    follow: Annotated[bool, typer.Option(help="Go on, with the curves of what trains, until interrupted.")] = False,
) -> None:
    """Mirror every run into the MLflow store; running it again adds nothing."""
    root, params = _project()
    from paragone.cli import track as stage

    stage.run(root, params, profile or params.profile, follow)


@app.command()
def pipeline(
    check: Annotated[bool, typer.Option(help="Only say whether the files are current; exit 1 if not.")] = False,
) -> None:
    """Generate the DVC pipelines from params.yaml."""
    _stage("pipeline", check)


@app.command()
def trunk(
    profile: Annotated[str, typer.Argument(help="A profile of params.yaml; the default one if left out.")] = "",
) -> None:
    """Print the pipeline file of a profile, for `dvc repro $(paragone trunk smoke)`."""
    _, params = _project()
    params.get_profile(profile or params.profile)
    print(paths.trunk(profile or params.profile, params.profile))


@app.command()
def fingerprint() -> None:
    """Hash the code of every stage and model, so that DVC reruns what a change touches and nothing else."""
    _stage("fingerprint")


@app.command()
def cards() -> None:
    """Write what is known of each data set (origin, licence, splits, problems, hashes) to data/cards/."""
    from paragone.data import cards as library

    for path in library.write(environment.find_root()):
        print(path)


@app.command()
def doctor() -> None:
    """Say what this machine has, and what is missing for what."""
    root = environment.find_root()
    environment.prepare(root)
    from paragone.cli import doctor as examination

    raise typer.Exit(0 if examination.report(root) else 1)


def main(command: Callable[[], Any] = app) -> None:
    """Run the command line: bad input is one sentence on stderr and exit code 1, never a stack trace."""
    environment.start_in_utf8()
    try:
        command()
    except (ValueError, OSError, ImportError) as error:
        print(f"paragone: {_harmless(_explained(error))}", file=sys.stderr)
        if "PARAGONE_TRACEBACK" in os.environ:
            traceback.print_exc()
        raise SystemExit(1) from None
