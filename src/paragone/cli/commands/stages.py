"""The stages of the pipeline by hand, as DVC calls them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from paragone.cli.commands import base
from paragone.cli.commands.base import DatasetArgument, ModelArgument, ProfileArgument, SeedOption
from paragone.project import environment, failures, paths


def fingerprint() -> None:
    """Hash the code of every stage and model, so that DVC reruns what a change affects and nothing else."""
    base.module("stages.fingerprint").run(environment.find_root())


def profile(profile: ProfileArgument) -> None:
    """Check a profile and write it as the other stages read it, with inherited rows and sweeps written out."""
    root, _ = base.settings()
    from paragone.project import settings

    base.module("stages.profile").run(root, settings.read(root, profile), profile)  # of its file, under DVC too


def ingest(dataset: DatasetArgument) -> None:
    """Fetch a data set from its source and write it in the common prepared format."""
    _dataset_stage("ingest", dataset)


def validate(dataset: DatasetArgument) -> None:
    """Check a prepared data set with Great Expectations; a critical failure stops the pipeline."""
    _dataset_stage("validate", dataset)


def classifier(dataset: DatasetArgument) -> None:
    """Train the classifiers that judge a data set; the metrics use their features and classes."""
    _dataset_stage("classifier", dataset)


def reference(profile: ProfileArgument, dataset: DatasetArgument) -> None:
    """Measure the real data: feature statistics, and the real-against-real floor of every metric."""
    _profile_stage("reference", profile, dataset)


def train(profile: ProfileArgument, dataset: DatasetArgument, model: ModelArgument, seed: SeedOption = 0) -> None:
    """Train one model; a killed training resumes from its last checkpoint."""
    _run_stage("train", profile, dataset, model, seed)


def guest(profile: ProfileArgument, dataset: DatasetArgument, model: ModelArgument, seed: SeedOption = 0) -> None:
    """Import what a guest row of the profile names: samples, a sampler or a checkpoint."""
    _run_stage("guest", profile, dataset, model, seed)


def sample(
    profile: Annotated[str, typer.Argument(help="A profile of profiles/, to run the stage of one of its runs.")] = "",
    dataset: Annotated[str, typer.Argument(help="A data set of the profile.")] = "",
    model: Annotated[str, typer.Argument(help="A model of the profile.")] = "",
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="One of the profile's seeds; with --run, any seed.")
    ] = 0,
    run: Annotated[str, typer.Option(help="Sample from this finished run or exported folder instead.")] = "",
    n: Annotated[int, typer.Option("--n", min=1, help="With --run: how many images.")] = 64,
    labels: Annotated[str, typer.Option(help="With --run: class numbers, such as 3,3,7; one per image.")] = "",
    sources: Annotated[
        str,
        typer.Option(
            help="With --run of a model that translates: a .npy file of images, like a data set's sources.npy."
        ),
    ] = "",
    out: Annotated[
        str, typer.Option(help="With --run: the new folder for PNG files; default: drawn/<run>-seed<seed>.")
    ] = "",
) -> None:
    """Sample a trained model, and time it; with --run, write images of any finished run.

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


def evaluate(profile: ProfileArgument, dataset: DatasetArgument, model: ModelArgument, seed: SeedOption = 0) -> None:
    """Compute every metric of a run's samples."""
    _run_stage("evaluate", profile, dataset, model, seed)


def study(profile: ProfileArgument, name: Annotated[str, typer.Argument(help="A study of the profile.")]) -> None:
    """Run a study: a measurement beyond any single run, such as how scores depend on the sample count."""
    _profile_stage("study", profile, name)


def report(profile: ProfileArgument) -> None:
    """Write the tables, figures and pages from the runs that exist; failed runs become rows that say so."""
    _profile_stage("report", profile)


def _dataset_stage(name: str, dataset: str) -> None:
    """Run a stage of a data set in the project's root."""
    root, params = base.settings()
    from paragone.project import checks

    checks.dataset(params, dataset)
    base.module(f"stages.{name}").run(root, params, dataset)


def _profile_stage(name: str, profile: str, *args: Any) -> None:
    """Run a stage of a profile in the project's root."""
    root, params = base.settings(profile)
    base.module(f"stages.{name}").run(root, params, profile, *args)


def _run_stage(name: str, profile: str, dataset: str, model: str, seed: int) -> None:
    """A stage of one run: a failure is noted beside the run, where the report finds it."""
    run = paths.Run(profile, dataset, model, seed)
    try:
        root, params = base.settings(profile)
        from paragone.project import checks

        _check_names(params, profile, dataset, model)
        checks.row(params, profile, model)
        base.module(f"stages.{name}").run(root, params, profile, dataset, model, seed)
    except Exception as error:
        failures.note(environment.find_root(), run, name, f"{type(error).__name__}: {base.explained(error)}")
        raise
    failures.clear(root, run)


def _check_names(params: Any, profile: str, dataset: str, model: str) -> None:
    """Raise ValueError unless the profile has this row, on this data set."""
    from paragone.project import suggest

    params.entry(profile, model)
    params.get_dataset(dataset)
    settings, where = params.get_profile(profile), f"{paths.profile(profile)}: datasets"
    if dataset not in settings.datasets:
        raise ValueError(f"{where}: does not name '{dataset}'; {suggest.hint(dataset, settings.datasets)}")
    if model not in settings.rows(dataset):
        runs = ", ".join(settings.rows(dataset))
        raise ValueError(f"{where}.{dataset}: does not name row '{model}'; add it, or choose one of those: {runs}")
