"""The tables: means and intervals, the best, the floor, and rows that did not finish."""

import numpy as np
import pytest
from scipy import stats

from paragone.project import files, paths
from paragone.report import tables
from paragone.report.tables import Row, Table
from paragone.results import runs
from support import sample_project


def main(project, dataset: int = 0) -> tuple[Table, dict[str, Row]]:
    table = tables.build(project.found, project.found.datasets[dataset])[0]
    return table, {row.model: row for row in table.rows}


def test_mean_and_interval_are_scipys():
    values = [4.0, 4.2, 4.7, 5.1]
    low, high = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    cell = tables.interval(values)
    assert cell.mean == pytest.approx((low + high) / 2)
    assert cell.half == pytest.approx((high - low) / 2)


def test_equal_values_have_no_interval():
    assert tables.interval([0.1] * 3) == tables.Cell(0.1)


def test_one_seed_has_no_interval(tmp_path):
    assert tables.interval([3.0]) == tables.Cell(3.0)
    params = sample_project.make(tmp_path, seeds=(0,), datasets=("mnist-5k",))
    found = runs.read(tmp_path, params, "quick")
    table = tables.build(found, found.datasets[0])[0]
    halves = {key for row in table.rows for key, cell in row.cells.items() if cell.half is not None}
    assert halves == {"fd_clf", "fd_lite0", "kid_clf"}
    assert "no interval over seeds" in " ".join(table.caption)


def test_where_seeds_give_no_interval_samples_do_and_it_says_so(tmp_path, project):
    params = sample_project.make(tmp_path, seeds=(0,), datasets=("mnist-5k",))
    found = runs.read(tmp_path, params, "quick")
    table = tables.build(found, found.datasets[0])[0]
    cell = {row.model: row for row in table.rows}["ddpm"].cells["fd_clf"]
    assert (cell.mean, cell.over) == (4, "samples")
    assert cell.half == pytest.approx(stats.norm.ppf(0.975) * 4 / 20)
    assert "† 95% interval over samples, not over seeds" in table.caption[-1]
    three, rows = main(project)
    assert rows["ddpm"].cells["fd_clf"].over == "seeds"
    assert rows[""].cells["fd_clf"].over == "samples"  # the floor is one set, whatever the seeds
    assert "†" in three.caption[-1]
    assert "†" not in " ".join(tables.build(project.found, project.found.datasets[0])[2].caption)  # cost has none


def test_the_best_is_bold_and_the_floor_is_not(project):
    table, rows = main(project)
    assert rows["ddpm"].cells["fd_clf"].best
    assert sum(row.cells["fd_clf"].best for row in table.rows if "fd_clf" in row.cells) == 1
    assert rows[""].cells["fd_clf"].mean < rows["ddpm"].cells["fd_clf"].mean
    assert not rows[""].cells["fd_clf"].best
    assert rows["ddpm"].cells["coverage"].best  # higher is better
    assert not any(row.cells["density"].best for row in table.rows if "density" in row.cells)  # all are equal
    assert not rows["ddpm"].cells["n"].best  # a setting


def test_a_count_that_several_reach_is_the_best_of_none(project):
    table, rows = main(project)
    reached = [row for row in rows.values() if row.kind == "model" and row.cells["missing_modes"].mean == 0]
    assert len(reached) > 1
    assert not any(row.cells["missing_modes"].best for row in table.rows if "missing_modes" in row.cells)


def test_a_model_of_which_a_seed_diverged_does_not_compete(tmp_path):
    sample_project_quality = dict(sample_project.QUALITY)
    try:
        sample_project.QUALITY["wgan_gp"] = 1
        params = sample_project.make(tmp_path, datasets=("mnist-5k",))
    finally:
        sample_project.QUALITY.update(sample_project_quality)
    found = runs.read(tmp_path, params, "quick")
    rows = {row.model: row for row in tables.build(found, found.datasets[0])[0].rows}
    assert rows["wgan_gp"].cells["fd_clf"].mean < rows["ddpm"].cells["fd_clf"].mean
    assert rows["ddpm"].cells["fd_clf"].best
    assert not rows["wgan_gp"].cells["fd_clf"].best


def test_rows_that_did_not_finish_stay_with_their_reason(project):
    _, rows = main(project)
    assert (rows["wgan_gp"].seeds, rows["wgan_gp"].outcome) == ("2/3", "1 of 3 diverged")
    assert rows["wgan_gp"].reason.startswith("seed 1: loss/critic became nan")
    _, rows = main(project, 1)
    assert (rows["wgan_gp"].seeds, rows["wgan_gp"].outcome) == ("0/3", "diverged")
    assert "fd_clf" not in rows["wgan_gp"].cells
    assert rows["wgan_gp"].cells["train_seconds_total"].mean > 0  # it cost what it cost
    assert (rows["vq_vae"].outcome, rows["vq_vae"].cells) == ("failed", {})
    assert rows["vq_prior"].outcome == "not run"


def test_families_are_grouped_and_the_floor_comes_first(project):
    table, _ = main(project)
    assert table.rows[0].kind == "floor"
    assert [row.family for row in table.rows[1:]] == ["gan"] * 3 + ["vae"] + ["vq"] * 2 + ["diffusion"] * 2


def test_a_row_that_a_judge_helped_to_make_is_named_in_the_caption(project):
    ours = project.found.runs.copy()
    ours.loc[ours["model"] == "ddpm", "parents"] = "vq_vae_2=x, classifier=classifier"
    caption = " ".join(tables.build(project.found._replace(runs=ours), project.found.datasets[0])[0].caption)
    assert "DDPM: trained by, or chosen by, a network of the space clf, which flatters them: go by the other" in caption
    assert "flatters" not in " ".join(main(project)[0].caption)


def test_reconstructions_stand_only_where_they_were_measured(project):
    table = tables.build(project.found, project.found.datasets[0])[3]
    assert [row.model for row in table.rows] == ["vae", "vq_vae", "ddpm"]


def test_nothing_measured_gives_a_table_of_reasons(project, tmp_path):
    found = runs.read(tmp_path, project.params, "quick")
    table = tables.build(found, found.datasets[0])[0]
    assert {row.outcome for row in table.rows} == {"not run"}
    assert "No run has been evaluated yet." in table.caption
    assert "not ingested yet" in table.caption[0]


def test_a_row_of_another_protocol_says_so_and_has_no_figures(tmp_path):
    params = sample_project.make(tmp_path, seeds=(0,), datasets=("mnist-5k",))
    for file in (
        paths.Run("quick", "mnist-5k", "vae", 0).metrics,
        paths.reference("quick", "mnist-5k") / "reference.json",
    ):
        sample_project.put(tmp_path / file, files.read_json(tmp_path / file) | {"protocol": 1})
    found = runs.read(tmp_path, params, "quick")
    table = tables.build(found, found.datasets[0])[0]
    row = next(row for row in table.rows if row.model == "vae")
    assert row.outcome == "other protocol"
    assert "is of protocol 1" in row.reason
    assert "fd_clf" not in row.cells
    assert all("fd_clf" in other.cells for other in table.rows if other.model not in ("vae", ""))
