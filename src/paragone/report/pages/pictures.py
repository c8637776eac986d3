"""The sample grids and other images of runs, as the pages show them."""

from pathlib import Path

from paragone.report import figures
from paragone.report.pages.base import Shown, Site
from paragone.results.runs import DataSet, Json


def real(site: Site, dataset: DataSet) -> Shown | None:
    """The grid of real test images, if the set is there."""
    image = figures.real_grid(site.report.results, dataset)
    text = f"Real test images: {dataset.title}"
    return None if image is None else site.picture(f"{dataset.name}-real", image, "Real test images", text)


def sample_grid(site: Site, dataset: DataSet, run: Json, file: Path) -> Shown:
    """The first samples of a run."""
    text = f"First samples of {run['title']}, seed {run['seed']}: {dataset.title}"
    return site.picture(f"{dataset.name}-{run['model']}-{run['seed']}", file, run["title"], text)


def others(site: Site, dataset: DataSet, run: Json) -> list[Shown]:
    """What else a run shows: reconstructions, interpolation, traversal, samples by class."""
    shown = []
    for name, file in figures.picture_files(site.report.results, run):
        title, caption = figures.PICTURES[name]
        text = f"{caption} {run['title']}, seed {run['seed']}: {dataset.title}"
        shown.append(site.picture(f"{dataset.name}-{run['model']}-{run['seed']}-{name}", file, title, text))
    return shown
