"""The command `paragone`: every stage of the pipeline by hand, and the commands around them."""

import importlib
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from paragone.project import environment, extras, failures, files, paths, texts

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Image generators, compared on the same terms.\n\n"
    "`paragone init` makes a project and `paragone run` runs everything in it. Most commands below are its stages, "
    "which DVC calls in order (`dvc dag` shows how they depend on each other).",
)

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}  # to a command of `flows`, which has the options

DatasetArgument = Annotated[str, typer.Argument(help="A data set of params.yaml, for example mnist-5k.")]
ProfileArgument = Annotated[str, typer.Argument(help="A profile of profiles/: smoke, quick, survey.")]
OneProfile = Annotated[str, typer.Argument(help="A profile of profiles/; the default one if left out.")]
ModelArgument = Annotated[str, typer.Argument(help="A model of the profile, for example dcgan.")]
SeedOption = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="One of the profile's seeds.")]


def _settings(profile: str | None = None) -> tuple[Path, Any]:
    """The project's root, and its settings: the data sets, and the one profile that is named ("": the default one)."""
    root = environment.find_root()
    environment.prepare(root)
    from paragone.project import settings

    return root, settings.read(root) if profile is None else settings.for_stage(root, profile)


def _dataset_stage(name: str, dataset: str) -> None:
    """Run a stage of a data set in the project's root."""
    root, params = _settings()
    from paragone.project import checks

    checks.dataset(params, dataset)
    _module(f"stages.{name}").run(root, params, dataset)


def _profile_stage(name: str, profile: str, *args: Any) -> None:
    """Run a stage of a profile in the project's root."""
    root, params = _settings(profile)
    _module(f"stages.{name}").run(root, params, profile, *args)


def _module(name: str) -> Any:
    """A module of the package, imported only now: each imports what it needs, and no more."""
    return importlib.import_module(f"paragone.{name}")


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


def _run_stage(name: str, profile: str, dataset: str, model: str, seed: int) -> None:
    """A stage of one run: a failure is noted beside the run, where the report finds it."""
    run = paths.Run(profile, dataset, model, seed)
    try:
        root, params = _settings(profile)
        from paragone.project import checks

        _check_names(params, profile, dataset, model)
        checks.row(params, profile, model)
        _module(f"stages.{name}").run(root, params, profile, dataset, model, seed)
    except Exception as error:
        failures.note(environment.find_root(), run, name, f"{type(error).__name__}: {_explained(error)}")
        raise
    failures.clear(root, run)


def _explained(error: BaseException) -> str:
    """What an error says, with the remedy where the system names none: a disk that filled up under an open file."""
    if isinstance(error, OSError) and error.errno in files.FULL and error.filename is None:
        return f"{error.strerror}; free disk space and run again: what was finished is kept"
    return extras.explain(error) or str(error)


@app.command()
def ingest(dataset: DatasetArgument) -> None:
    """Fetch a data set from its source and write it in the common prepared format."""
    _dataset_stage("ingest", dataset)


@app.command()
def validate(dataset: DatasetArgument) -> None:
    """Check a prepared data set with Great Expectations; a critical failure stops the pipeline."""
    _dataset_stage("validate", dataset)


@app.command()
def classifier(dataset: DatasetArgument) -> None:
    """Train the classifiers that judge a data set: whose features and classes the metrics use."""
    _dataset_stage("classifier", dataset)


@app.command()
def reference(profile: ProfileArgument, dataset: DatasetArgument) -> None:
    """Measure the real data: feature statistics, and the real-against-real floor of every metric."""
    _profile_stage("reference", profile, dataset)


@app.command()
def train(profile: ProfileArgument, dataset: DatasetArgument, model: ModelArgument, seed: SeedOption = 0) -> None:
    """Train one model; a killed training resumes from its last checkpoint."""
    _run_stage("train", profile, dataset, model, seed)


@app.command()
def guest(profile: ProfileArgument, dataset: DatasetArgument, model: ModelArgument, seed: SeedOption = 0) -> None:
    """Take in what a row of the profile brings from elsewhere: samples, a sampler or a checkpoint."""
    _run_stage("guest", profile, dataset, model, seed)


@app.command()
def sample(
    profile: Annotated[str, typer.Argument(help="A profile of profiles/: the stage of one of its runs.")] = "",
    dataset: Annotated[str, typer.Argument(help="A data set of the profile.")] = "",
    model: Annotated[str, typer.Argument(help="A model of the profile.")] = "",
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="One of the profile's seeds; any with --run.")] = 0,
    run: Annotated[str, typer.Option(help="Sample from this finished run or exported folder instead.")] = "",
    n: Annotated[int, typer.Option("--n", min=1, help="With --run: how many images.")] = 64,
    labels: Annotated[str, typer.Option(help="With --run: class numbers, such as 3,3,7; one per image.")] = "",
    sources: Annotated[
        str, typer.Option(help="With --run of a model that translates: a .npy file of images, as a set's sources.npy.")
    ] = "",
    out: Annotated[
        str, typer.Option(help="With --run: the new folder of PNG files; default drawn/<run>-seed<seed>.")
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


@app.command()
def score(
    source: Annotated[
        str, typer.Argument(help="A folder, zip, .npz or .npy of images, module:function, or an exported folder.")
    ],
    dataset: Annotated[str, typer.Option(help="The data set that the images are to be like.")],
    profile: Annotated[str, typer.Option(help="The profile to be measured by; the default one if left out.")] = "",
    against: Annotated[str, typer.Option(help="A run's folder, or other images, to stand beside.")] = "",
    title: Annotated[str, typer.Option(help="What the row is called.")] = "",
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="That a sampler or a checkpoint draws with.")] = 0,
    labels: Annotated[bool, typer.Option("--labels", help="The sampler takes labels.")] = False,
    statistics: Annotated[
        str, typer.Option(help="Published statistics to measure by too, as SPACE=FILE.npz (arrays mu and sigma).")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Measure images from elsewhere as a profile measures its own rows, and print their place in its table.

    paragone score samples/ --dataset mnist-5k
    """
    root, params = _settings(profile)
    options = {"against": against, "title": title, "seed": seed, "labels": labels, "json": as_json}
    options["statistics"] = statistics
    params.get_dataset(dataset)
    _module("cli.score").run(root, params, source, dataset, profile or params.profile, options)


@app.command("export-statistics")
def export_statistics(
    profile: ProfileArgument,
    dataset: DatasetArgument,
    space: Annotated[
        str, typer.Argument(help="A feature space, as lite0-64; SPACE/JUDGE where several networks judge.")
    ],
    out: Annotated[Path, typer.Argument(help="The .npz to write, with the arrays mu and sigma.")],
) -> None:
    """Write the statistics of the real training images in one space, for other programs."""
    root, params = _settings(profile)
    _module("cli.statistics").export(root, params, profile, dataset, space, out)


@app.command()
def export(
    run: Annotated[str, typer.Argument(help="A finished run, for example runs/quick/mnist-5k/dcgan/0.")],
    folder: Annotated[str, typer.Argument(help="The new folder.")],
) -> None:
    """Export a finished run as a self-contained folder: weights, config and a model card; paragone.load reads it."""
    environment.prepare(Path.cwd())
    from paragone.cli import export as exporting

    exporting.export(Path(run), Path(folder))


@app.command()
def publish(
    run: Annotated[str, typer.Argument(help="A finished run, for example runs/quick/mnist-5k/dcgan/0.")],
    to: Annotated[str, typer.Argument(help="A new folder, or hub:USER/NAME of the Hugging Face Hub.")],
) -> None:
    """Publish a finished run with its model card: as a folder, or to the Hub with your own token (HF_TOKEN)."""
    environment.prepare(Path.cwd())
    _module("cli.publish").run(Path(run), to)


@app.command()
def evaluate(profile: ProfileArgument, dataset: DatasetArgument, model: ModelArgument, seed: SeedOption = 0) -> None:
    """Compute every metric of a run's samples."""
    _run_stage("evaluate", profile, dataset, model, seed)


@app.command()
def study(profile: ProfileArgument, name: Annotated[str, typer.Argument(help="A study of the profile.")]) -> None:
    """Run a study: a measurement beyond any single run, such as how scores depend on the sample count."""
    _profile_stage("study", profile, name)


@app.command()
def report(profile: ProfileArgument) -> None:
    """Write the tables, the figures and the pages from whatever runs exist; failed runs become rows that say so."""
    _profile_stage("report", profile)


@app.command()
def claims(
    profile: Annotated[str, typer.Argument(help="A profile of profiles/; claims-quick if left out.")] = "",
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
        root, _ = _settings()
        from paragone.project import profiles, settings

        _module("cli.claims").run(root, settings.read(root, *profiles.names(root)), profile, plan, form)
    elif profile or plan or not table:
        raise ValueError("--table and --studies use files alone: omit PROFILE and --plan, and give --table")
    else:
        environment.prepare(Path.cwd())
        _module("cli.claims").run_table(Path(table), Path(studies) if studies else None, form)


@app.command()
def table(
    profile: OneProfile = "",
) -> None:
    """Print the comparison table of a profile."""
    root, params = _settings(profile)
    _module("stages.report").print_table(root, params, profile or params.profile)


@app.command()
def track(
    profile: OneProfile = "",
    follow: Annotated[bool, typer.Option(help="Go on, with the curves of what trains, until interrupted.")] = False,
) -> None:
    """Mirror every run into the MLflow store; running it again adds nothing."""
    root, params = _settings(profile)
    _module("cli.track").run(root, params, profile or params.profile, follow)


@app.command()
def profile(profile: ProfileArgument) -> None:
    """Check a profile, and write it as the other stages read it: rows of other profiles and of sweeps written out."""
    root, _ = _settings()
    from paragone.project import settings

    _module("stages.profile").run(root, settings.read(root, profile), profile)  # of its file, under DVC too


@app.command()
def pipeline(
    profiles: Annotated[
        list[str] | None,
        typer.Argument(help="Profiles that are to have pipelines too, from now on.", show_default=False),
    ] = None,
    check: Annotated[bool, typer.Option(help="Only say whether the files are current; exit 1 if not.")] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Remove those of the named profiles; results stay.")] = False,
) -> None:
    """Generate the DVC pipelines of the default profile, and of those that somebody ran or names here.

    DVC sees these profiles alone: `dvc status`, `dvc repro` and `dvc metrics show` are about them.
    """
    root, _ = _settings()
    _module("cli.pipeline").run(root, profiles or [], check, drop)


@app.command()
def check(
    networks: Annotated[
        str,
        typer.Option(help="A profile whose networks are built too, without their weights; up to a minute."),
    ] = "",
) -> None:
    """Check params.yaml and every profile, whether or not anything runs it; the first fault is one sentence."""
    root, _ = _settings()
    from paragone.project import settings

    params = settings.load(root)
    if networks:
        _module("project.networks").check(params, networks)
    print(f"{', '.join(params.profiles)}: nothing is wrong")


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help="A profile, PROFILE#ROW, a run's folder, a runs.parquet or COMMIT:PATH.")],
    b: Annotated[str, typer.Argument(help="What to compare with it, likewise.")],
    fail_if_worse: Annotated[
        list[str] | None, typer.Option(help="Exit 1 if a figure of B is worse by more: 'fd_clf 5%', 'kid_clf 2'.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    figure: Annotated[str, typer.Option(help="Draw the differences into this PNG, SVG or PDF file.")] = "",
) -> None:
    """Compare two rows, profiles, commits or saved tables: every figure with its difference and interval.

    paragone compare quick#dcgan quick#wgan_gp --fail-if-worse 'fd_clf 5%'
    """
    limits = [(key, limit or "0") for key, _, limit in (text.partition(" ") for text in fail_if_worse or [])]
    root = environment.find_root()
    environment.prepare(root)
    if not _module("cli.compare").run(root, a, b, limits, as_json, figure):
        raise typer.Exit(1)


@app.command()
def leaderboard(
    saved: Annotated[list[Path], typer.Argument(help="Saved tables (runs.parquet) of one protocol.")],
    out: Annotated[Path, typer.Option(help="The new folder.")] = Path("leaderboard"),
) -> None:
    """Merge saved tables into one page, with the rows of all; one of another protocol or data is refused."""
    environment.prepare(Path.cwd())
    _module("cli.leaderboard").run(saved, out)


@app.command("check-model")
def check_model(
    model: Annotated[str, typer.Argument(help="A model, or its file below plugins/models.")],
    config: Annotated[str, typer.Option(help="Of its Config as JSON, to make it small: '{\"width\": 8}'.")] = "",
) -> None:
    """Hold a model to the contract: what is missing, in words; exit 1 if anything is."""
    root = environment.find_root()
    environment.prepare(root)
    raise typer.Exit(0 if _module("cli.models").check(root, model, config) else 1)


new = typer.Typer(no_args_is_help=True, help="Write the first version of something.")
app.add_typer(new, name="new")


@new.callback()
def _new() -> None:
    """So that `new` takes what to write as a command of its own."""


@new.command("model")
def new_model(
    name: Annotated[str, typer.Argument(help="Its name, as rsgan.")],
    family: Annotated[str, typer.Option(help="Its family: the folder of its file.")] = "gan",
    profile: Annotated[str, typer.Option(help="The profile that gets its row; the default one if left out.")] = "",
) -> None:
    """Write plugins/models/FAMILY/NAME.py, its test, and its row in a profile: a small GAN that already trains."""
    root, params = _settings(profile)
    _module("cli.models").new(root, params, name, family, profile or params.profile)


@app.command()
def search(name: Annotated[str, typer.Argument(help="A search of searches/, for example quick.")]) -> None:
    """Search settings at random: as many configurations of each row, chosen by held-out images; a rerun goes on.

    The outcome is docs/search/NAME.csv; what a profile takes over of it is for you to write.
    """
    root, _ = _settings()
    from paragone.project import search as specification
    from paragone.project import settings

    profile = specification.read(root, name).profile
    _module("cli.search").run(root, settings.read(root, profile), name)


@app.command()
def schema(
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether the files are current; exit 1 if not.")
    ] = False,
) -> None:
    """Write schemas/: what params.yaml and profiles may hold, for editors that complete and check YAML files."""
    _module("cli.schema").run(environment.find_root(), check)


@app.command()
def trunk(profile: OneProfile = "") -> None:
    """Print the pipeline file of a profile, for `dvc repro $(paragone trunk smoke)`."""
    _, params = _settings(profile)
    print(paths.trunk(profile or params.profile, params.profile))


@app.command()
def fingerprint() -> None:
    """Hash the code of every stage and model, so that DVC reruns what a change touches and nothing else."""
    _module("stages.fingerprint").run(environment.find_root())


@app.command()
def cards() -> None:
    """Write what is known about each data set (origin, licence, splits, problems, hashes) to data/cards/."""
    from paragone.data import cards as library

    for path in library.write(environment.find_root()):
        print(path)


@app.command()
def init(
    folder: Annotated[str, typer.Argument(help="The new folder, for example my-benchmark; its name is the project's.")],
) -> None:
    """Make a project: settings, a first profile, its pipelines, git and DVC set up. It needs no clone of Paragone."""
    _module("cli.init").run(Path(folder))


def _flow(name: str, arguments: list[str]) -> None:
    """Become a command of `flows` in the project's root."""
    os.chdir(environment.find_root())
    extras.require("pipeline")
    os.execv(sys.executable, [sys.executable, "-m", f"flows.{name}", *arguments])


@app.command(context_settings=PASSED_ON, add_help_option=False)
def run(context: typer.Context) -> None:
    """Bring a profile up to date and print its table: `paragone run --help` lists the options."""
    _flow("benchmark", context.args)


@app.command(context_settings=PASSED_ON, add_help_option=False)
def ui(context: typer.Context) -> None:
    """Open MLflow's comparison of the runs."""
    _flow("ui", context.args)


@app.command(context_settings=PASSED_ON, add_help_option=False)
def serve(context: typer.Context) -> None:
    """Run the schedules of prefect.yaml until Ctrl-C."""
    _flow("serve", context.args)


@app.command()
def clean(
    kinds: Annotated[
        list[str] | None,
        typer.Argument(help="temporary, checkpoints, logs, mlflow, prefect, home; all but the last if left out."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; without, it is only listed.")] = False,
) -> None:
    """List what the project keeps and no longer needs, with sizes; with --yes, remove it. Results are never touched."""
    root = environment.find_root()
    environment.prepare(root)
    _module("cli.clean").run(root, kinds or [], yes)


@app.command()
def doctor() -> None:
    """Report what this machine has, what is missing, and what it is needed for."""
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
        print(f"paragone: {texts.harmless(_explained(error))}", file=sys.stderr)
        if "PARAGONE_TRACEBACK" in os.environ:
            traceback.print_exc()
        raise SystemExit(1) from None
