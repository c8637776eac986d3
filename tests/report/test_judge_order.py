"""The order by judge: its table, the marks of the tables, and what they say where one network judges alone."""

import pytest

from paragone.project import files, paths
from paragone.report import judge_order, latex, render, tables
from paragone.results import runs
from support import sample_project

JUDGES = {"s0-w16": 1.0, "s1-w12": 2.0}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> runs.Results:
    """The sample project of one seed, judged by two: the second sees twice the distance, and has DDIM before DDPM."""
    root = tmp_path_factory.mktemp("project")
    params = sample_project.make(root, seeds=(0,), datasets=("mnist-5k",))
    for model in sample_project.MODELS:
        file = root / paths.Run("quick", "mnist-5k", model, 0).metrics
        metrics = files.read_json(file)
        if metrics["outcome"] == "finished":
            space = metrics["spaces"]["clf-mnist-5k"]
            space["judges"] = {judge: {"fd": factor * space["fd"]} for judge, factor in JUDGES.items()}
            space["judges"]["s1-w12"]["fd"] -= 3 * (model == "ddim")
            space["spread"] = {"fd": 0.25}
            sample_project.put(file, metrics)
    file = root / paths.reference("quick", "mnist-5k") / "reference.json"
    facts = {judge: {"accuracy": 0.99, "sha256": "c" * 64} for judge in JUDGES}
    sample_project.put(file, files.read_json(file) | {"spaces": {"clf-mnist-5k": {"hash": "a" * 64, "judges": facts}}})
    return runs.read(root, params, "quick")


def test_each_row_has_its_rank_by_every_judge(found: runs.Results) -> None:
    grid = judge_order.grid(found, found.datasets[0])
    assert grid is not None
    assert grid.headers == ["Model", "FD-clf", "Judge s0-w16", "Judge s1-w12", "FD-Lite0"]
    shown = {line.cells[0].text: [cell.text for cell in line.cells[1:]] for line in grid.lines}
    assert shown["DDPM‡"] == ["1 (6)", "1 (4)", "2 (8)", "1 (108)"]
    assert shown["DDIM‡"] == ["2 (6)", "2 (5)", "1 (7)", "2 (120)"]
    assert shown["DCGAN"] == ["3 (13.5)", "3 (9)", "3 (18)", "3 (168)"]
    expected = "s0-w16 (99.0 % of held-out images right, weights cccccccccccc)"
    assert expected in " ".join(grid.caption)
    assert expected in " ".join(judge_order.about(found.datasets[0]))


@pytest.mark.parametrize("build", [tables.compact, lambda *given: tables.build(*given)[0]])
def test_tables_mark_what_the_judges_do_not_agree_on(found: runs.Results, build: object) -> None:
    table = build(found, found.datasets[0])  # type: ignore[operator]
    assert {row.model for row in table.rows if "fd_clf" in row.cells and row.cells["fd_clf"].disputed} == {
        "ddpm",
        "ddim",
    }
    note = "‡ Judges of FD-clf disagree about an order: DDPM before DDIM (1 of 2)."
    assert note in table.caption
    text = render.markdown([render.grid(table)])
    assert "4.00 ± 0.39†‡" in text
    assert "FD-clf over judges" in text
    assert "$^\\ddagger$" in latex.latex([render.grid(table)], "main")


def test_one_network_has_no_order_by_judge(project: sample_project.Project) -> None:
    assert judge_order.grid(project.found, project.found.datasets[0]) is None
    assert judge_order.about(project.found.datasets[0]) == []
