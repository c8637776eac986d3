"""A training that is scored by held-out images says in its facts which weights it kept, and by what."""

import re
from pathlib import Path

import pandas as pd
import pytest

from paragone.data import base as datasets
from paragone.engine import checkpoint
from paragone.project import files, paths
from paragone.project.params import Entry, Params, ParamsError
from paragone.results import runs, schema
from paragone.stages import train
from support import square_images
from support.bars import PARAMS, RUN, prepare


def scored(keep: str) -> Params:
    chosen = PARAMS.get_profile("small")
    plan = {"kimg": 2.0, "batch": 20, "eval_every": 0.5, "keep": keep}
    entry = chosen.models["cgan"].model_copy(update={"plan": plan})
    profile = chosen.model_copy(update={"models": {"cgan": entry}})
    return PARAMS.model_copy(update={"profiles": {"small": profile}})


def test_the_kept_weights_are_named(tmp_path: Path) -> None:
    prepare(tmp_path)
    found = {}
    for keep in ("last", "best"):
        train.run(tmp_path, scored(keep), "small", "bars", "cgan", 0)
        facts = files.read_json(tmp_path / RUN.training)["selection"]
        curve = pd.read_csv(tmp_path / RUN.curves)[["kimg", "held-out/KID"]].dropna()
        assert curve["kimg"].tolist() == [0.5, 1.0, 1.5, 2.0]
        lowest = curve.loc[curve["held-out/KID"].idxmin()]
        assert (facts["kept"], facts["held_out"], facts["scored"]) == (keep, 20, 4)
        assert (facts["lowest_kimg"], facts["lowest"]) == (lowest["kimg"], lowest["held-out/KID"])
        assert facts["kimg"] == (2.0 if keep == "last" else lowest["kimg"])
        assert facts["by"] == "KID in random-conv of 20 samples from 20 held-out training images"
        found[keep] = checkpoint.load(tmp_path / RUN.weights)[0]
    assert found["last"].keys() == found["best"].keys()
    schema.as_table(runs.read(tmp_path, scored("best"), "small").runs).pipe(schema.check)


def test_without_scores_nothing_is_said_of_them(tmp_path: Path) -> None:
    prepare(tmp_path)
    train.run(tmp_path, PARAMS, "small", "bars", "cgan", 0)
    assert "selection" not in files.read_json(tmp_path / RUN.training)
    assert not [c for c in pd.read_csv(tmp_path / RUN.curves) if "held-out" in c]


def test_a_parent_of_another_size_or_of_other_data_is_named(tmp_path: Path) -> None:
    square_images.prepare(tmp_path)
    flow = {"plan": {"kimg": 0.1}, "config": {"couplings": 2, "hidden": 8}, "parents": {"vae": "vae"}}
    params = square_images.params(models={"vae": square_images.VAE, "flow_prior": flow})
    train.run(tmp_path, params, *square_images.ARGS)
    train.run(tmp_path, params, "small", "squares", "flow_prior", 0)
    square_images.prepare(tmp_path, test=50)
    with pytest.raises(ValueError, match=r"vae.*: was trained on other data than squares as it is here, and 'flow_pri"):
        train.run(tmp_path, params, "small", "squares", "flow_prior", 0)
    square_images.prepare(tmp_path, labelled=False)
    with pytest.raises(ValueError, match=r"is for images of 1x32x32 with 2 classes, squares has 1x32x32 with 0 cl"):
        train.run(tmp_path, params, "small", "squares", "flow_prior", 0)


def test_what_a_model_cannot_be_built_of_is_named_with_its_place(tmp_path: Path) -> None:
    prepare(tmp_path)
    size = datasets.load(tmp_path / paths.prepared("bars"), "train").spec.shape[1]
    glow = Entry.model_validate({"plan": {"kimg": 0.1}, "config": {"levels": 9}})
    chosen = PARAMS.get_profile("small").model_copy(update={"models": {"glow": glow}, "datasets": {"bars": None}})
    words = (
        "profiles/small.yaml: models.glow, on 'bars': 9 levels halve images as often, so their sides divide by 512; "
        f"these are {size} x {size}: set fewer levels, or another resolution"
    )
    with pytest.raises(ParamsError, match=f"^{re.escape(words)}$"):
        train.run(tmp_path, PARAMS.model_copy(update={"profiles": {"small": chosen}}), "small", "bars", "glow", 0)
