"""The figures of the studies of layouts and of separability, drawn from what the studies measured on small projects."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from paragone.data import base as datasets
from paragone.project import files, paths
from paragone.project.params import Params
from paragone.report import figures
from paragone.report.figures import Plot
from paragone.report.studies import base
from paragone.results.runs import DataSet, Json, Results
from paragone.stages import ingest, study, train

SMALL = {"about": "Small.", "datasets": ["drawn"], "seeds": [0, 1], "samples": 40, "sample_batch": 40,
         "spaces": ["classifier"]}  # fmt: skip
PLAN = {"kimg": 0.1, "batch": 20}


def params(loader: str, models: dict[str, Any], name: str, options: dict[str, Any]) -> Params:
    source = {"loader": loader, "source": "generated", "resolution": 32, "options": {"n_train": 40, "n_test": 30}}
    profile = {**SMALL, "models": models, "studies": {name: options}}
    return Params.model_validate({"profile": "small", "datasets": {"drawn": source}, "profiles": {"small": profile}})


def measured(root: Path, chosen: Params, name: str) -> Json:
    study.run(root, chosen, "small", name)
    return files.read_json(root / paths.study("small", name))


def drawn(name: str, found: Json, titles: dict[str, str]) -> list[Plot]:
    rows = pd.DataFrame({"model": list(titles), "title": list(titles.values()), "dataset": "drawn"})
    sets = [DataSet("drawn", "Drawn", "shapes", None, None, None, None)]
    plots = base.draw({name: found}, Results(Path(), "small", "", [0, 1], sets, rows))[name]
    for plot in plots:
        assert figures.encode(plot, "svg") == figures.encode(plot, "svg")
    return plots


def test_layouts_are_a_point_a_seed_beside_chance(tmp_path: Path) -> None:
    models = {"ddpm": {"plan": PLAN}, "controlnet": {"plan": PLAN, "parents": {"ddpm": "ddpm"}}}
    chosen = params("day_night", models, "layout", {"n": 20, "kimg": 1.0})
    ingest.run(tmp_path, chosen, "drawn")
    test = datasets.load(tmp_path / paths.prepared("drawn"), "test").images.numpy()
    for row, shift in (("controlnet", 0), ("ddpm", 7)):  # one draws what it was asked for, the other does not know it
        for seed in (0, 1):
            run = paths.Run("small", "drawn", row, seed)
            (tmp_path / run.folder).mkdir(parents=True)
            np.save(tmp_path / run.samples, np.roll(test, -shift * (seed + 1), 0))
    found = measured(tmp_path, chosen, "layout")
    plot, read = drawn("layout", found, {"controlnet": "ControlNet", "ddpm": "DDPM"})
    (ax,) = plot.figure.axes
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["ControlNet", "DDPM"]
    steered, _, plain, mean, chance = ax.get_lines()
    assert list(steered.get_xdata()) == [1, 1]
    assert list(plain.get_xdata()) == [run["iou"] for run in found["datasets"]["drawn"]["rows"]["ddpm"]]
    assert mean.get_xdata()[0] == pytest.approx(np.mean(plain.get_xdata()))
    assert chance.get_xdata()[0] == found["datasets"]["drawn"]["chance"]
    assert "first 20 samples" in plot.caption
    assert "30 true partners" in plot.caption
    content = found["datasets"]["drawn"]
    assert [ax.get_xlabel() for ax in read.figure.axes] == [
        "class",
        "size",
        "horizontal position",
        "vertical position",
        "all factors",
    ]
    steered, _, plain, _, chance, real = read.figure.axes[2].get_lines()
    assert list(steered.get_xdata()) == [run["read"]["x"] for run in content["rows"]["controlnet"]]
    assert list(plain.get_xdata()) == [run["read"]["x"] for run in content["rows"]["ddpm"]]
    assert (chance.get_xdata()[0], real.get_xdata()[0]) == (
        content["read"]["chance"]["x"],
        content["read"]["real"]["x"],
    )


def test_separability_is_a_panel_per_space_and_a_dot_per_row(tmp_path: Path) -> None:
    mapped = {"width": 32, "max_width": 8, "z_dim": 8, "w_dim": 8, "depth": 2}
    models = {"dcgan": {"plan": PLAN, "config": {"width": 4}}, "stylegan": {"plan": PLAN, "config": mapped}}
    options = {"rows": list(models), "n": 100, "kimg": 0.2, "least": 0.0}
    chosen = params("shapes", models, "separability", options)
    ingest.run(tmp_path, chosen, "drawn")
    for row in models:
        for seed in (0, 1):
            train.run(tmp_path, chosen, "small", "drawn", row, seed)
    found = measured(tmp_path, chosen, "separability")
    rows = found["datasets"]["drawn"]["rows"]
    factors = list(rows["dcgan"][0]["z"]["by_factor"])
    (plot,) = drawn("separability", found, {"dcgan": "DCGAN", "stylegan": "StyleGAN"})
    z, w = plot.figure.axes
    assert [tick.get_text() for tick in z.get_yticklabels()] == ["mean over varying factors", *factors[::-1]]
    dots = {line.get_label(): line.get_xdata() for line in w.get_lines()}
    assert list(dots["DCGAN"]) == []  # it has no mapping
    assert dots["StyleGAN"][0] == pytest.approx(np.mean([run["w"]["score"] for run in rows["stylegan"]]))
    assert "100 samples" in plot.caption


def test_what_was_left_out_or_diverged_is_said_and_nothing_measured_draws_nothing() -> None:
    scored = {"score": 0.5, "by_factor": {"x": 0.5, "colour": None}}
    content = {"left_out": ["rotation"], "diverged": [{"row": "progan", "seed": 1, "reason": "nan"}],
               "rows": {"progan": [{"seed": 0, "z": scored, "w": None}], "stylegan": []}}  # fmt: skip
    (plot,) = drawn("separability", {"n": 2000, "datasets": {"drawn": content}}, {"progan": "ProGAN"})
    (ax,) = plot.figure.axes
    assert list(ax.get_lines()[0].get_ydata()) == [0, 2]  # a factor that does not vary has no dot
    assert "the classifier reads them poorly: rotation." in plot.caption
    assert "Diverged: progan (seed 1)." in plot.caption
    results = Results(Path(), "small", "", [0], [], pd.DataFrame({"model": [], "title": []}))
    for name, empty in (("separability", content | {"rows": {"progan": []}}), ("layout", {"rows": {}})):
        assert base.draw({name: {"n": 1, "datasets": {"drawn": empty}}}, results)[name] == []
