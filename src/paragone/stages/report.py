"""Stage `report`: tables, figures and the site of a profile, from whatever its runs have left."""

from functools import partial
from pathlib import Path

from paragone.project import extras, files, paths
from paragone.project.params import Params
from paragone.report import best_models, figures, judge_order, latex, render, site, stability, tables, terminal
from paragone.report.claims import verdicts
from paragone.report.pages.base import Report
from paragone.report.studies import base as studies
from paragone.report.surveys import pages
from paragone.results import history, published, schema
from paragone.results import runs as results


def run(root: Path, params: Params, profile: str) -> None:
    """Write index.html, tables/, figures/ and site/ in the profile's report folder, then mirror the runs into MLflow.

    A model that failed, diverged or never ran is a row that says so. Raises ValueError for a file that is not whole.
    """
    folder = root / paths.report(profile, params.profile)
    report = gather(root, params, profile)
    report = report._replace(history=history.record(root, report.results))
    write(report, folder)
    best_models.write(report.results, folder)
    terminal.print_table(report.results)
    print(f"report: {folder / 'index.html'}")
    _mirror(root, params, profile)


def _mirror(root: Path, params: Params, profile: str) -> None:
    """Mirror the runs into MLflow, if it is installed; only now: the report must be complete even if that fails."""
    try:
        from paragone.report.tracking import mirror
    except ModuleNotFoundError as error:
        if (why := extras.explain(error)) is None:
            raise
        print(f"not mirrored into MLflow: {why}")
    else:
        mirror.mirror(root, params, profile)


def gather(root: Path, params: Params, profile: str) -> Report:
    """All that the report of a profile shows."""
    found = results.read(root, params, profile)
    built = {d.name: tables.build(found, d) for d in found.datasets}
    assessments, measured = verdicts.assess(found, params), verdicts.studies(root, params, profile)
    drawn = studies.draw(measured, found)
    return Report(
        results=found,
        tables=built,
        plots={d.name: _of_dataset(found, d, built[d.name][0]) for d in found.datasets},
        assessments=assessments,
        claims={plot.name.removeprefix("claim-").upper(): plot for plot in verdicts.plots(assessments)},
        studies=drawn,
        surveys=pages.pages(found, built, assessments, measured, drawn),
        stability={d.name: stability.grid(found, d) for d in found.datasets},
        judges={d.name: judge_order.grid(found, d) for d in found.datasets},
        study_tables=studies.tables(measured, found),
        history=history.read(root, profile),
    )


def write(report: Report, folder: Path) -> None:
    """Write a report into `folder`, whole or not at all."""
    with site.replacing(folder) as new:
        _write_tables(new / "tables", report)
        _write_claims(new / "tables", report)
        (new / "figures").mkdir()
        for plot in _plots(report):
            figures.save(plot, new / "figures")
        pages.write(new, report.surveys)
        site.write(report, new)


def _of_dataset(found: results.Results, dataset: results.DataSet, main: tables.Table) -> list[figures.Plot]:
    steady = stability.plot(found, dataset)
    return [*figures.draw(found, dataset, main), *([steady] if steady is not None else [])]


def _plots(report: Report) -> list[figures.Plot]:
    """Every figure, once."""
    of_surveys = [plot for page in report.surveys for section in page.sections for plot in section.plots]
    groups = (*report.plots.values(), report.claims.values(), *report.studies.values(), of_surveys)
    return list({plot.name: plot for group in groups for plot in group}.values())


def print_table(root: Path, params: Params, profile: str) -> None:
    """Print the compact comparison table of a profile."""
    terminal.print_table(results.read(root, params, profile))


def _write_claims(folder: Path, report: Report) -> None:
    found, assessments = report.results, report.assessments
    grids = [verdicts.grid(assessments, found), verdicts.rules(assessments)]
    files.write_text(folder / "claims.md", render.markdown(grids))
    files.write_text(folder / "claims.csv", render.text_csv(grids[:1]))
    files.write_text(folder / "claims.tex", latex.latex(grids, "claims"))


def _write_tables(folder: Path, report: Report) -> None:
    found, built = report.results, report.tables
    names = list(dict.fromkeys(table.name for group in built.values() for table in group))
    for name in names:
        group = [t for tables in built.values() for t in tables if t.name == name]
        grids = [render.grid(table) for table in group]
        files.write_text(folder / f"{name}.md", render.markdown(grids))
        files.write_text(folder / f"{name}.csv", render.csv(group))
        files.write_text(folder / f"{name}.tex", latex.latex(grids, name))
    lineage = [render.lineage(found, d.name, d.title, judge_order.about(d)) for d in found.datasets]
    for name, of_datasets in (
        ("stability", report.stability.values()),
        ("judges", report.judges.values()),
        ("lineage", lineage),
        *((f"study-{study}", grids) for study, grids in report.study_tables.items()),
    ):
        if grids := [grid for grid in of_datasets if grid is not None]:
            files.write_text(folder / f"{name}.md", render.markdown(grids))
            files.write_text(folder / f"{name}.csv", render.text_csv(grids))
            files.write_text(folder / f"{name}.tex", latex.latex(grids, name))
    shown = [published.markdown(d.title, p) for d in found.datasets if len((p := published.load(d.loader)).figures)]
    files.write_text(folder / "published.md", "\n".join(shown) or "Nothing was published on these data sets.\n")
    runs = schema.as_table(found.runs)
    files.write(folder / "runs.parquet", partial(schema.write, runs))
    files.write_text(folder / "runs.md", schema.describe(runs))
