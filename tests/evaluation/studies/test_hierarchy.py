"""The study of hierarchies: its gradients are autograd's, group by group, and its figure shows them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from paragone.evaluation.studies import hierarchy
from paragone.models.base import Spec
from paragone.models.vae.nvae import NVAE
from paragone.project import files, paths
from paragone.project.params import ParamsError
from paragone.report import figures
from paragone.report.studies import base
from paragone.results.runs import DataSet, Results
from paragone.stages import study, train
from support import square_images

SMALL = {"z_dim": 2, "width": 4, "cells": 1, "expansion": 2, "components": 2, "halvings": 3}
NVAES = {"few": (1,), "more": (3,)}
MODELS: dict[str, Any] = {
    row: {
        "model": "nvae",
        "title": row,
        "plan": {"kimg": 0.1, "batch": 20},
        "config": {**SMALL, "scales": list(scales)},
    }
    for row, scales in NVAES.items()
}


def params(**options: Any) -> square_images.Params:
    models = {**MODELS, "vae": square_images.VAE}
    chosen = {"rows": list(NVAES), "probe": 8, **options}
    return square_images.params(models=models, seeds=[0, 1], studies={"hierarchy": chosen})


def test_the_norms_are_those_of_the_bounds_gradient() -> None:
    torch.manual_seed(0)
    model = NVAE(NVAE.Config(**{**SMALL, "scales": (2,)}), Spec((1, 16, 16)))  # type: ignore[arg-type]
    x = torch.randint(256, (4, 1, 16, 16)) / 127.5 - 1
    found = hierarchy.group_norms(model, x, 3)
    assert found == hierarchy.group_norms(model, x, 3)
    hierarchy.seed_all(3, hierarchy.Stream.EVALUATE)
    (-model.train().log_likelihood_bound(x).mean()).backward()
    for group, norm in zip(model.groups, found, strict=True):
        grads = torch.cat([p.grad.flatten() for p in group.parameters() if p.grad is not None])
        assert norm == pytest.approx(float(grads.norm()), rel=1e-4)


def test_rows_are_measured_before_and_after_their_training_and_drawn(tmp_path: Path) -> None:
    square_images.prepare(tmp_path)
    chosen = params()
    for row in NVAES:
        for seed in (0, 1):
            train.run(tmp_path, chosen, "small", "squares", row, seed)
    study.run(tmp_path, chosen, "small", "hierarchy")
    found = files.read_json(tmp_path / paths.study("small", "hierarchy"))
    rows = found["datasets"]["squares"]["rows"]
    for row, (count,) in NVAES.items():
        assert [run["seed"] for run in rows[row]] == [0, 1]
        for run in rows[row]:
            assert len(run["before"]) == len(run["after"]) == count
            assert min(run["before"]) > 0
            assert run["before"] != run["after"]
    titles = pd.DataFrame({"model": list(NVAES), "title": ["Few", "More"], "dataset": "squares"})
    sets = [DataSet("squares", "Squares", "mnist", None, None, None, None)]
    (plot,) = base.draw({"hierarchy": found}, Results(Path(), "small", "", [0, 1], sets, titles))["hierarchy"]
    before, after = plot.figure.axes
    line = {line.get_label(): line for line in before.get_lines()}["More"]
    np.testing.assert_allclose(line.get_ydata(), np.median([run["before"] for run in rows["more"]], 0))
    assert len(after.get_lines()) == 2 + 4
    assert "on 8 training images" in plot.caption
    assert figures.encode(plot, "svg") == figures.encode(plot, "svg")


def test_a_row_without_groups_is_named(tmp_path: Path) -> None:
    square_images.prepare(tmp_path)
    chosen = params(rows=["vae"])
    train.run(tmp_path, chosen, "small", "squares", "vae", 0)
    with pytest.raises(ValueError, match=r"studies\.hierarchy\.rows: 'vae' is a VAE, which has no groups; name rows"):
        study.run(tmp_path, chosen, "small", "hierarchy")
    with pytest.raises(ParamsError, match="hierarchy: probe is 1; it must be at least 2"):
        study.run(tmp_path, params(probe=1), "small", "hierarchy")
