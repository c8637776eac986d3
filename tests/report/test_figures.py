"""The figures: there, readable as files, the same bytes for the same input."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from paragone.report import figures, scatter, tables
from paragone.report.tables import Cell, Row, Table
from paragone.results import runs as results
from support import sample_project

KINDS = ("samples", "quality-sampling", "quality-training", "curves")


@pytest.fixture(scope="module")
def plots(project):
    dataset = project.found.datasets[0]
    return list(figures.draw(project.found, dataset, tables.build(project.found, dataset)[0]))


def test_each_figure_is_drawn_as_png_and_svg(plots, tmp_path):
    names = [plot.name for plot in plots]
    assert names == [f"{kind}-mnist-5k" for kind in (*KINDS, "pairs", "interpolation", "traversal")]
    for plot in plots:
        figures.save(plot, tmp_path)
        with Image.open(tmp_path / f"{plot.name}.png") as image:
            assert min(image.size) > 300
            assert np.asarray(image.convert("L")).std() > 5  # not a blank sheet
        svg = (tmp_path / f"{plot.name}.svg").read_text()
        assert "<dc:date>" not in svg
        assert "<dc:creator>" not in svg  # it would name the version of Matplotlib


def test_the_same_input_gives_the_same_bytes(project, plots):
    dataset = project.found.datasets[0]
    again = list(figures.draw(project.found, dataset, tables.build(project.found, dataset)[0]))
    for one, two in zip(plots, again, strict=True):
        for suffix in ("png", "svg"):
            assert figures.encode(one, suffix) == figures.encode(two, suffix), (one.name, suffix)


def test_sample_grids_are_of_the_first_finished_seed_in_the_models_order(project):
    grids = figures.grid_files(project.found, project.found.datasets[0])
    assert [run["model"] for run, _ in grids] == [
        "gan",
        "dcgan",
        "wgan_gp",
        "vae",
        "vq_vae",
        "vq_prior",
        "ddpm",
        "ddim",
    ]
    assert {run["seed"] for run, _ in grids} == {0}
    grids = figures.grid_files(project.found, project.found.datasets[1])
    assert [run["model"] for run, _ in grids] == ["gan", "dcgan", "vae"]


def test_the_real_grid_is_laid_out_as_the_samples_are(project):
    real = figures.real_grid(project.found, project.found.datasets[0])
    with Image.open(figures.grid_files(project.found, project.found.datasets[0])[0][1]) as grid:
        assert real is not None
        assert real.size == grid.size


def test_long_titles_are_broken_and_rows_of_pictures_are_close(project):
    runs = project.found.runs.copy()
    runs["title"] = "VQ-VAE's network, not quantised, of the 128 codes (no prior) " + runs["title"]
    found = project.found._replace(runs=runs)
    dataset = found.datasets[0]
    for plot in figures.draw(found, dataset, tables.build(found, dataset)[0]):
        if plot.name.startswith(("samples", "pairs")):
            renderer = FigureCanvasAgg(plot.figure).get_renderer()
            boxes = [text.get_window_extent(renderer) for text in plot.figure.texts]
            boxes += [ax.get_window_extent(renderer) for ax in plot.figure.axes]
            assert not [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)], plot.name
            assert max(box.x1 for box in boxes) <= plot.figure.bbox.x1
            low = min(box.y0 for box in boxes)
            assert 0 <= low < 0.15 * plot.figure.bbox.height


def test_nothing_measured_draws_nothing(project, tmp_path):
    found = results.read(tmp_path, project.params, "quick")
    assert list(figures.draw(found, found.datasets[0], tables.build(found, found.datasets[0])[0])) == []


def test_names_of_close_points_do_not_overlap(project):
    table = tables.build(project.found, project.found.datasets[0])[0]
    near = [
        Row("model", "gan", f"m{i}", "gan", f"Model {i}",
            {"fd_clf": Cell(10 + 0.4 * i), "images_per_second": Cell(100.0 + i)}, "1/1", "", "")
        for i in range(5)
    ]  # fmt: skip
    spread = [r._replace(cells={"fd_clf": Cell(100), "images_per_second": Cell(1.0)}) for r in near[:1]]
    figure = scatter.draw(Table("main", "", "", table.columns, [*near, *spread], []), "sampling")
    assert figure is not None
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_text()]
    assert len(boxes) == 6
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_pictures_of_one_kind_share_a_figure(tmp_path):
    found = results.read(tmp_path, sample_project.make(tmp_path, (0,), ("mnist-5k",)), "quick")
    dataset, runs = found.datasets[0], {run["model"]: run for run in found.rows("mnist-5k")}
    main = tables.build(found, dataset)[0]
    before = [plot.name for plot in figures.draw(found, dataset, main)]
    for model, size in (("dcgan", (60, 20)), ("vae", (30, 60))):
        folder = tmp_path / found.where(runs[model]).pictures
        Image.new("L", size, 90).save(folder / "classes.png")
    plots = list(figures.draw(found, dataset, main))
    assert {plot.name for plot in plots} - set(before) == {"classes-mnist-5k"}
    figure = next(plot.figure for plot in plots if plot.name == "classes-mnist-5k")
    assert [text.get_text() for text in figure.texts] == ["DCGAN (seed 0)", "VAE (seed 0)"]
    shapes = [ax.get_window_extent().bounds[2:] for ax in figure.axes]
    assert [width / height for width, height in shapes] == pytest.approx([3, 0.5])  # not stretched
