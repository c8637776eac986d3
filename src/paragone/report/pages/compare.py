"""One page per data set that puts two rows' pictures side by side, at the same seed and of the same kind."""

from paragone.report.pages import base, pictures, strips
from paragone.report.pages.base import Site
from paragone.report.pages.claims import beside
from paragone.results.runs import DataSet, Json

SAMPLES = "Samples"
REAL = "real"  # the name of the real images among the rows


def write(site: Site) -> None:
    """Write one page per data set."""
    datasets = site.report.results.datasets
    listed = [(d.title, base.compare_page(d.name)) for d in datasets]
    for i, dataset in enumerate(datasets):
        found = _pictures(site, dataset)
        site.page(
            base.compare_page(dataset.name),
            "compare.html",
            dataset=dataset,
            page=base.data_page(dataset.name),
            pictures=found,
            figures=_distances(site, dataset),
            beside=beside(listed, i),
        )


def _pictures(site: Site, dataset: DataSet) -> list[Json]:
    """Every picture that can be compared: the row, its title, the seed, the kind, the picture itself."""
    found: list[Json] = []
    if (real := pictures.real(site, dataset)) is not None:
        found.append({"row": REAL, "title": real.title, "seed": "", "kind": SAMPLES, "shown": real})
    results = site.report.results
    for run in results.rows(dataset.name):
        grid = results.root / results.where(run).sample_grid
        if run["outcome"] != "finished" or not grid.exists():
            continue
        one = {"row": run["model"], "title": run["title"], "seed": run["seed"]}
        found.append(one | {"kind": SAMPLES, "shown": pictures.sample_grid(site, dataset, run, grid)})
        if run["seed"] == results.seeds[0]:  # the pages of models have those of the first seed alone
            found += [one | {"kind": shown.title, "shown": shown} for shown in pictures.others(site, dataset, run)]
    return found


def _distances(site: Site, dataset: DataSet) -> dict[str, str]:
    """By row, what stands below its pictures: its distances over all seeds."""
    main = site.report.tables[dataset.name][0]
    return {
        row.model or REAL: ", ".join(f"{label} {value}" for label, value, _ in strips.distances(main, row))
        for row in main.rows
    }
