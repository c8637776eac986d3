"""The study of phases: the same latents at even shares of one training, which ends as the row's own."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from paragone.evaluation.studies import phases
from paragone.project import files, paths
from paragone.project.params import ParamsError
from paragone.report.studies import phases as report
from paragone.stages import study, train
from support import square_images

PROGAN = {"plan": {"kimg": 0.3, "batch": 10}, "config": {"z_dim": 8, "width": 64, "max_width": 8}}
FLOW = {"plan": {"kimg": 0.1}, "config": {"couplings": 2, "hidden": 8}, "parents": {"vae": "vae"}}


def params(**options: Any) -> square_images.Params:
    models = {"vae": square_images.VAE, "progan": PROGAN, "flow_prior": FLOW}
    return square_images.params(models=models, studies={"phases": {"points": 3, **options}})


def test_a_growing_network_shows_its_sizes_and_ends_as_the_row(tmp_path: Path) -> None:
    square_images.prepare(tmp_path)
    train.run(tmp_path, params(), "small", "squares", "progan", 0)
    study.run(tmp_path, params(), "small", "phases")
    found = files.read_json(tmp_path / paths.study("small", "phases"))
    row = found["datasets"]["squares"]["progan"]
    assert row["kimg"] == [0.1, 0.2, 0.3]
    assert (row["outcome"], row["same_weights"]) == ("finished", True)
    with Image.open(io.BytesIO(base64.b64decode(row["png"]))) as image:
        pixels = np.asarray(image)
    assert pixels.shape == (3 * 33 - 1, phases.COLUMNS * 33 - 1)
    early, late = pixels[:32, :32], pixels[66:98, :32]
    blocks = early.reshape(8, 4, 8, 4)
    assert (blocks == blocks[:, :1, :, :1]).all()  # at a third of the budget, at most 8 x 8
    assert not (late[::2] == late[1::2]).all()
    (plot,) = report.plots(found, square_images.results({"progan": "ProGAN"}))
    assert [tick.get_text() for tick in plot.figure.axes[0].get_yticklabels()] == ["0.1", "0.2", "0.3"]


def test_stops_are_even_and_the_last_is_the_end() -> None:
    assert phases.stops(1000, 4) == [250, 500, 750, 1000]
    assert phases.stops(3, 10) == [1, 2, 3]


def test_rows_with_parents_and_bad_options_are_named(tmp_path: Path) -> None:
    square_images.prepare(tmp_path)
    for row in ("vae", "flow_prior"):
        train.run(tmp_path, params(), "small", "squares", row, 0)
    with pytest.raises(ValueError, match="'flow_prior' starts from vae; name rows without parents"):
        study.run(tmp_path, params(rows=["flow_prior"]), "small", "phases")
    with pytest.raises(ParamsError, match="name a row, and at least 2 points"):
        params(points=1).study(Path(), "small", "phases")
