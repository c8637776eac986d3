"""Stage ingest: from a source of a data set to its prepared folder."""

import os
from pathlib import Path

from paragone.data import prepare
from paragone.data.base import Loader, Request
from paragone.project import paths, registry
from paragone.project.params import FILE, Dataset, Params, ParamsError


def run(root: Path, params: Params, dataset: str) -> None:
    """Write paths.prepared(dataset). Raises ParamsError or DatasetError, and then writes nothing."""
    entry = params.get_dataset(dataset)
    loader: Loader = registry.load("datasets", entry.loader).LOADER
    path = _check(root, dataset, entry, loader)
    request = Request(root / paths.raw(dataset), path, entry.resolution, entry.options)
    prepare.write(
        root / paths.prepared(dataset),
        loader.sources[entry.source](request),
        loader,
        entry.resolution,
        {
            "name": dataset,
            "title": entry.title or loader.title,
            "loader": entry.loader,
            "source": entry.source,
        },
    )


def _check(root: Path, dataset: str, entry: Dataset, loader: Loader) -> Path | None:
    """What only the loader can tell of an entry of params.yaml; the path of source `local`."""
    where = f"{FILE}: datasets.{dataset}"
    if entry.source not in loader.sources:
        known = ", ".join(loader.sources)
        raise ParamsError(f"{where}.source: loader '{entry.loader}' has no source '{entry.source}'; it has: {known}")
    if unknown := sorted(set(entry.options) - loader.options):
        known = ", ".join(sorted(loader.options)) or "none"
        raise ParamsError(f"{where}.options.{unknown[0]}: loader '{entry.loader}' takes no such option; known: {known}")
    path = None if entry.path is None else root / os.path.expanduser(entry.path)  # noqa: PTH111  # as the pipeline has it
    if path is not None and not (path.is_dir() or path.is_file()):
        raise ParamsError(f"{where}.path: '{entry.path}' is not there; name the folder that holds the upstream files")
    return path
