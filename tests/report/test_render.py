"""Markdown, CSV and LaTeX."""

import io
import re

import numpy as np
import pandas as pd
import pytest

from paragone.project import files, paths
from paragone.report import latex, render, tables
from paragone.results import runs as results
from support import sample_project


@pytest.fixture(scope="module")
def built(project):
    return [tables.build(project.found, dataset)[0] for dataset in project.found.datasets]


def test_markdown_has_a_cell_for_every_header(built):
    text = render.markdown(map(render.grid, built))
    blocks = re.findall(r"(?:^\|.*\n)+", text, flags=re.M)
    assert len(blocks) == 2
    for block in blocks:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1
    assert "| **4.20 ± 0.50** |" in text
    assert "| Real images (floor) | 0.80 ± 0.08† |" in text
    assert text.count("Protocol 2.") == 2
    assert "*Vector-quantised*" in text
    assert "| FD-clf ↓ |" in text
    assert r"failed: train: RuntimeError: \<codebook> is empty & lost" in text


def test_csv_holds_the_numbers(built):
    frame = pd.read_csv(io.StringIO(render.csv(built)))
    assert len(frame) == 2 * 9
    assert set(frame["protocol"]) == {2}
    row = frame[(frame["dataset"] == "mnist-5k") & (frame["model"] == "ddpm")].iloc[0]
    cell = next(r for r in built[0].rows if r.model == "ddpm").cells["fd_clf"]
    assert row["fd_clf"] == pytest.approx(cell.mean)
    assert row["fd_clf_ci95"] == pytest.approx(cell.half)
    assert np.isnan(row["fd_clf_ci95_samples"])  # three seeds: their interval, and no other
    floor = frame[(frame["dataset"] == "mnist-5k") & (frame["model"] == "floor")].iloc[0]
    assert np.isnan(floor["fd_clf_ci95"])
    assert floor["fd_clf_ci95_samples"] == pytest.approx(1.96 * 0.8 / 20, rel=1e-3)
    assert "coverage_ci95_samples" not in frame
    assert list(frame[frame["model"] == "floor"]["title"]) == [tables.FLOOR] * 2
    assert set(frame["outcome"].dropna()) == {"finished", "1 of 3 diverged", "diverged", "failed", "not run"}


def test_latex_is_booktabs_with_a_cell_for_every_column(built):
    text = latex.latex(map(render.grid, built), "main")
    for rule in ("\\toprule", "\\midrule", "\\bottomrule", "\\label{tab:main}", "\\label{tab:main-1}"):
        assert rule in text
    for tabular in re.findall(r"\\begin{tabular}.*?\\end{tabular}", text, flags=re.S):
        width = len(re.match(r"\\begin{tabular}{(\w+)}", tabular)[1])
        for line in tabular.splitlines():
            if line.endswith(r"\\") and "multicolumn" not in line:
                assert len(re.findall(r"(?<!\\)&", line)) == width - 1
    assert text.count("{") == text.count("}")
    assert r"\textbf{4.20 $\pm$ 0.50}" in text
    assert r"\textless{}codebook\textgreater{} is empty \& lost" in text
    assert not re.search(r"[↓↑±×³–†]", text)


def test_latex_escapes_what_it_must():
    assert latex.escape("a_b & 5 % {x} $y$ #1 ~^\\") == (
        r"a\_b \& 5 \% \{x\} \$y\$ \#1 \textasciitilde{}\textasciicircum{}\textbackslash{}"
    )


def test_lineage_has_a_row_for_every_run(project):
    grid = render.lineage(project.found, "mnist-5k", "MNIST-5K", ["Judged by two."])
    rows = {line.cells[0].text: [cell.text for cell in line.cells] for line in grid.lines}
    assert len(rows) == 24
    row = dict(zip(grid.headers, rows["mnist-5k/ddim/1"], strict=True))
    assert (row["Commit"], row["Code"], row["Data"]) == ("c0ffee000000", "e" * 12, "d" * 12)
    assert (row["Parents"], row["Seed"], row["Uncommitted changes"]) == ("ddpm=ddpm", "1", "no")
    assert "steps=25" in row["Settings"]


def test_columns_that_nothing_fills_are_left_out(built):
    table = built[0]._replace(rows=[row._replace(cells={"n": tables.Cell(9)}) for row in built[0].rows])
    assert render.grid(table).headers == ["Model", "Samples (n)", "Seeds", "Outcome"]


def test_label_accuracy_is_a_column_where_a_model_was_asked_for_labels(tmp_path):
    """The floor has the figure on every set with labels."""
    params = sample_project.make(tmp_path, (0,), ("mnist-5k",))
    floor = tmp_path / paths.reference("quick", "mnist-5k") / "floor.json"
    runs = tmp_path / paths.Run("quick", "mnist-5k", "dcgan", 0).metrics
    for file, shown in ((floor, False), (runs, True)):
        files.write_json(file, {**files.read_json(file), "label_accuracy": {"rate": 0.977, "n": 1000}})
        found = results.read(tmp_path, params, "quick")
        grid = render.grid(tables.build(found, found.datasets[0])[0])
        assert ("Label accuracy (%) ↑" in grid.headers) == shown
    column = grid.headers.index("Label accuracy (%) ↑")
    cells = {line.cells[0].text: line.cells[column].text for line in grid.lines if len(line.cells) > 1}
    assert (cells[tables.FLOOR], cells["DCGAN"], cells["GAN"]) == ("97.7", "97.7", "–")
