"""Stage `report`: tables, figures and the page of a profile, from whatever its runs have left."""

import shutil
from functools import partial
from pathlib import Path

from paragone import files, paths
from paragone.params import Params
from paragone.report import (
    claims,
    figures,
    latex,
    page,
    published,
    render,
    results,
    stability,
    surveys,
    tables,
    terminal,
)


def run(root: Path, params: Params, profile: str) -> None:
    """Write index.html, tables/ and figures/ in the profile's report folder, then mirror the runs into MLflow.

    A model that failed, diverged or never ran is a row that says so. Raises ValueError for a file that is not whole.
    """
    found = results.read(root, params, profile)
    built = {d.name: tables.build(found, d) for d in found.datasets}
    plots = {d.name: _plots(found, d, built[d.name][0]) for d in found.datasets}
    judged = claims.judge(found, params)
    folder = root / paths.report(profile, params.profile)
    for part in ("tables", "figures"):  # nothing of an earlier report may stand among the new
        shutil.rmtree(folder / part, ignore_errors=True)
    _write_tables(folder / "tables", found, built)
    named = surveys.grids(found, built, judged)
    _write_claims(folder, found, judged, named)
    for plot in (p for group in plots.values() for p in group):
        figures.save(plot, folder / "figures")
    files.write_text(folder / "index.html", page.html(found, built, plots, judged, named))
    print_table(root, params, profile)
    print(f"report: {folder / 'index.html'}")
    from paragone import tracking  # only now: the report must stand though the store be dead

    tracking.mirror(root, params, profile)


def _write_claims(folder: Path, found: results.Results, judged: list[claims.Judged], named: list[render.Grid]) -> None:
    grids = [claims.grid(judged, found), claims.rules(judged)]
    files.write_text(folder / "tables" / "claims.md", render.markdown(grids))
    files.write_text(folder / "tables" / "claims.csv", render.text_csv(grids[:1]))
    files.write_text(folder / "tables" / "claims.tex", latex.latex(grids, "claims"))
    files.write_text(folder / "tables" / "surveys.md", render.markdown(named))
    files.write_text(folder / "tables" / "surveys.tex", latex.latex(named, "surveys"))
    for plot in claims.plots(judged):
        figures.save(plot, folder / "figures")


def _plots(found: results.Results, dataset: results.DataSet, main: tables.Table) -> list[figures.Plot]:
    steady = stability.plot(found, dataset)
    return [*figures.draw(found, dataset, main), *([steady] if steady is not None else [])]


def print_table(root: Path, params: Params, profile: str) -> None:
    """Print the compact comparison table of a profile."""
    terminal.print_table(results.read(root, params, profile))


def _write_tables(folder: Path, found: results.Results, built: dict[str, list[tables.Table]]) -> None:
    names = list(dict.fromkeys(table.name for group in built.values() for table in group))
    for name in names:
        group = [t for own in built.values() for t in own if t.name == name]
        grids = [render.grid(table) for table in group]
        files.write_text(folder / f"{name}.md", render.markdown(grids))
        files.write_text(folder / f"{name}.csv", render.csv(group))
        files.write_text(folder / f"{name}.tex", latex.latex(grids, name))
    if steady := [g for d in found.datasets if (g := stability.grid(found, d)) is not None]:
        files.write_text(folder / "stability.md", render.markdown(steady))
        files.write_text(folder / "stability.csv", render.text_csv(steady))
        files.write_text(folder / "stability.tex", latex.latex(steady, "stability"))
    lineage = [render.lineage(found, d.name, d.title) for d in found.datasets]
    files.write_text(folder / "lineage.md", render.markdown(lineage))
    files.write_text(folder / "lineage.csv", render.text_csv(lineage))
    files.write_text(folder / "lineage.tex", latex.latex(lineage, "lineage"))
    shown = [published.markdown(d.title, p) for d in found.datasets if len((p := published.load(d.loader)).figures)]
    files.write_text(folder / "published.md", "\n".join(shown) or "Nothing was published on these data sets.\n")
    wide = results.as_table(found.runs)
    files.write(folder / "runs.parquet", partial(wide.to_parquet, index=False))
    files.write_text(folder / "runs.md", results.describe(wide))
