"""Commands about results: figures of images from elsewhere, tables, claims, and finished models to pass on."""

from pathlib import Path
from typing import Annotated

import typer

from paragone.cli.commands import base
from paragone.cli.commands.base import DatasetArgument, OneProfile, ProfileArgument
from paragone.project import environment


def score(
    source: Annotated[
        str, typer.Argument(help="A folder, zip, .npz or .npy of images, module:function, or an exported folder.")
    ],
    dataset: Annotated[str, typer.Option(help="The data set that the images imitate.")],
    profile: Annotated[
        str, typer.Option(help="The profile that says how to measure; the default profile if left out.")
    ] = "",
    against: Annotated[str, typer.Option(help="A run's folder, or other images, to compare with.")] = "",
    title: Annotated[str, typer.Option(help="The row's name.")] = "",
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="The seed of a sampler or a checkpoint.")] = 0,
    labels: Annotated[bool, typer.Option("--labels", help="The sampler takes labels.")] = False,
    statistics: Annotated[
        str, typer.Option(help="Published statistics to measure against too, as SPACE=FILE.npz (arrays mu and sigma).")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Measure images from elsewhere as a profile measures its own rows, and print their rank in its table.

    paragone score samples/ --dataset mnist-5k
    """
    root, params = base.settings(profile)
    options = {"against": against, "title": title, "seed": seed, "labels": labels, "json": as_json}
    options["statistics"] = statistics
    params.get_dataset(dataset)
    base.module("cli.score").run(root, params, source, dataset, profile or params.profile, options)


def export_statistics(
    profile: ProfileArgument,
    dataset: DatasetArgument,
    space: Annotated[
        str, typer.Argument(help="A feature space, for example lite0-64; SPACE/JUDGE where several networks judge.")
    ],
    out: Annotated[Path, typer.Argument(help="The .npz to write, with the arrays mu and sigma.")],
) -> None:
    """Write the statistics of the real training images in one space, for other programs."""
    root, params = base.settings(profile)
    base.module("cli.statistics").export(root, params, profile, dataset, space, out)


def export(
    run: Annotated[str, typer.Argument(help="A finished run, for example runs/quick/mnist-5k/dcgan/0.")],
    folder: Annotated[str, typer.Argument(help="The new folder.")],
) -> None:
    """Export a finished run as a self-contained folder: weights, config and a model card; paragone.load reads it."""
    environment.prepare(Path.cwd())
    from paragone.cli import export as exporting

    exporting.export(Path(run), Path(folder))


def publish(
    run: Annotated[str, typer.Argument(help="A finished run, for example runs/quick/mnist-5k/dcgan/0.")],
    to: Annotated[str, typer.Argument(help="A new folder, or hub:USER/NAME of the Hugging Face Hub.")],
) -> None:
    """Publish a finished run with its model card: as a folder, or to the Hub with your own token (HF_TOKEN)."""
    environment.prepare(Path.cwd())
    base.module("cli.publish").run(Path(run), to)


def claims(
    profile: Annotated[str, typer.Argument(help="A profile of profiles/; claims-quick if left out.")] = "",
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what has to run for the claims that are not measured yet.")
    ] = False,
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
        root, _ = base.settings()
        from paragone.project import profiles, settings

        base.module("cli.claims").run(root, settings.read(root, *profiles.names(root)), profile, plan, form)
    elif profile or plan or not table:
        raise ValueError("--table and --studies use files alone: omit PROFILE and --plan, and give --table")
    else:
        environment.prepare(Path.cwd())
        base.module("cli.claims").run_table(Path(table), Path(studies) if studies else None, form)


def table(
    profile: OneProfile = "",
) -> None:
    """Print the comparison table of a profile."""
    root, params = base.settings(profile)
    base.module("stages.report").print_table(root, params, profile or params.profile)


def track(
    profile: OneProfile = "",
    follow: Annotated[
        bool, typer.Option(help="Keep mirroring, with the curves of running trainings, until interrupted.")
    ] = False,
) -> None:
    """Mirror every run into the MLflow store; running it again adds nothing."""
    root, params = base.settings(profile)
    base.module("cli.track").run(root, params, profile or params.profile, follow)


def compare(
    a: Annotated[str, typer.Argument(help="A profile, PROFILE#ROW, a run's folder, a runs.parquet or COMMIT:PATH.")],
    b: Annotated[str, typer.Argument(help="What to compare it with, in the same form.")],
    fail_if_worse: Annotated[
        list[str] | None,
        typer.Option(help="Exit 1 if a figure of B is worse than A's by more than this: 'fd_clf 5%', 'kid_clf 2'."),
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
    if not base.module("cli.compare").run(root, a, b, limits, as_json, figure):
        raise typer.Exit(1)


def leaderboard(
    saved: Annotated[list[Path], typer.Argument(help="Saved tables (runs.parquet) of one protocol.")],
    out: Annotated[Path, typer.Option(help="The new folder.")] = Path("leaderboard"),
) -> None:
    """Merge the rows of saved tables into one page; tables of another protocol or other data are refused."""
    environment.prepare(Path.cwd())
    base.module("cli.leaderboard").run(saved, out)
