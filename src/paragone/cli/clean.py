"""`paragone clean`: what a project keeps and no longer needs, by kind and size; with --yes, it goes."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from filelock import FileLock, Timeout
from rich.console import Console
from rich.table import Table
from rich.text import Text

from paragone.data import prepare
from paragone.data.base import DatasetError
from paragone.project import leftovers, paths, profiles, settings, suggest, texts

LOCKS = {"flow.lock": "a flow runs", "serve.lock": "`make serve` runs", "mlflow.lock": "the mirror is being written"}


class Kind(NamedTuple):
    """Something that can be freed."""

    what: str  # for a reader
    find: Callable[[Path], Iterator[Path]]
    asked: bool = False  # only when it is named


def run(root: Path, names: list[str], yes: bool) -> None:
    """Print what would be freed, of the named kinds or of all that belong to the project; with `yes`, free it.

    Raises ValueError for an unknown kind, or while something runs that may be using it.
    """
    if unknown := sorted(set(names) - set(KINDS)):
        raise ValueError(f"{unknown[0]}: nothing of that name can be freed; {suggest.hint(unknown[0], KINDS)}")
    chosen = {name: kind for name, kind in KINDS.items() if (name in names if names else not kind.asked)}
    with _alone(root):
        found = {name: sorted(kind.find(root)) for name, kind in chosen.items()}
        sizes = {name: sum(map(leftovers.size, at)) for name, at in found.items()}
        _print(root, found, sizes, yes)
        for path in [path for at in found.values() for path in at] if yes else []:
            leftovers.remove(path)
    if not yes and any(found.values()):
        print("Nothing was removed; --yes removes it.")


def _alone(root: Path) -> ExitStack:
    """Hold what a flow, a server and the mirror hold. Raises ValueError."""
    with ExitStack() as stack:
        for name, running in LOCKS.items():
            (root / ".locks").mkdir(exist_ok=True)
            try:
                stack.enter_context(FileLock(root / ".locks" / name, timeout=0))
            except Timeout:
                raise ValueError(f"{running} in {root}; clean when it has ended") from None
        return stack.pop_all()


def _print(root: Path, found: dict[str, list[Path]], sizes: dict[str, int], freed: bool) -> None:
    table = Table(title="freed" if freed else "can be freed", title_justify="left", show_edge=False, pad_edge=False)
    table.add_column("kind")
    table.add_column("MB", justify="right")
    for column in ("what", "first of them"):
        table.add_column(column, overflow="fold")
    for name, at in found.items():
        first = texts.line(texts.private(str(at[0]), root)) if at else ""
        more = f" and {len(at) - 1:,} more" if len(at) > 1 else ""
        table.add_row(name, f"{sizes[name] / 1e6:,.1f}", KINDS[name].what, Text(first + more))
    Console().print(table)


def _temporary(root: Path) -> Iterator[Path]:
    yield from leftovers.temporary(root)
    for partial in (root / "data/prepared").glob(".*.partial"):
        try:
            with prepare.alone(partial):
                yield partial
        except DatasetError:
            continue  # it is being written


def _checkpoints(root: Path) -> Iterator[Path]:
    """Of runs that no profile names: those of one that does are where its training goes on."""
    known = settings.read(root, *profiles.names(root))
    runs = {
        paths.Run(name, dataset, row, seed).folder
        for name, profile in known.profiles.items()
        for dataset in profile.datasets
        for row in profile.rows(dataset)
        for seed in profile.seeds
    }
    folder = root / ".ckpt"
    yield from (path for path in folder.glob("runs/*/*/*/*") if path.relative_to(folder) not in runs)


def _logs(root: Path) -> Iterator[Path]:
    yield from (root / ".logs").glob("*")


def _mlflow(root: Path) -> Iterator[Path]:
    """Artifacts of runs and models that were replaced, and of those that the store does not know."""
    store, folder = root / "mlflow.db", root.resolve() / "mlartifacts"
    if not store.is_file():
        return
    with closing(sqlite3.connect(f"{store.resolve().as_uri()}?mode=ro", uri=True, timeout=10)) as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'logged_models'").fetchall():
            return
        live = {
            Path(unquote(urlsplit(str(at)).path))
            for query in (
                "SELECT artifact_uri FROM runs WHERE lifecycle_stage = 'active'",
                "SELECT artifact_location FROM logged_models WHERE lifecycle_stage = 'active'",
            )
            for (at,) in database.execute(query)
        }
    kept = {parent for path in live for parent in (path, *path.parents)}
    for pattern in ("*/*", "*/models/*"):
        yield from (path for path in folder.glob(pattern) if path not in kept and path.name != "models")


def _prefect(root: Path) -> Iterator[Path]:
    yield from (path for path in (root / ".prefect").glob("*") if path.name.startswith(("prefect.db", "storage")))


def _home(_: Path) -> Iterator[Path]:
    home = Path(os.environ.get("PARAGONE_HOME", Path.home() / ".cache/paragone"))
    yield from (home / name for name in ("cache", "checkpoints") if (home / name).is_dir())


KINDS = {
    "temporary": Kind("files of processes that are gone, and data sets that were never finished", _temporary),
    "checkpoints": Kind("of runs that no profile names", _checkpoints),
    "logs": Kind("of earlier flows and servers", _logs),
    "mlflow": Kind("artifacts of runs that were replaced", _mlflow),
    "prefect": Kind("the records of earlier flows", _prefect),
    "home": Kind("what workers on this machine keep for all projects (PARAGONE_HOME)", _home, asked=True),
}
