"""The figures of the studies of attacks, watermarks, memorisation and pre-training: what they show."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from paragone.report import figures
from paragone.report.figures import Plot
from paragone.report.studies import base
from paragone.results.runs import DataSet, Results

SETS = [DataSet(name, name.upper(), "mnist", None, None, None, None) for name in ("here", "elsewhere")]
ROWS = pd.DataFrame({"model": ["dcgan", "vae"], "title": ["DCGAN", "VAE"], "dataset": "here"})
RESULTS = Results(Path(), "p", "", [0], SETS, ROWS)


def attacked(survived: float) -> list[dict[str, Any]]:
    curves = {"clean": 0.9, "fgsm": [0.8, 0.6], "pgd": [0.7, 0.4], "transfer": 0.7, "survived": survived}
    return [{"seed": seed, **curves} for seed in (0, 1)]


ROBUSTNESS = {
    "dataset": "here", "row": "dcgan", "n": 50, "steps": 10, "seeds": [0, 1],
    "networks": {
        name: {"eps": 0.1, "eps_curve": [0.1, 0.2],
               "defences": {"adversarial training": attacked(0.6), "plain": attacked(0.1)}}
        for name in ("discriminator", "encoder")
    },
}  # fmt: skip


def marked(method: str, strength: int, detected: int) -> dict[str, Any]:
    changes = {c: {"accuracy": 0.9, "detected": d, "whole": 1, "n": 4} for c, d in (("none", 4), ("jpeg 75", detected))}
    return {"method": method, "strength": strength, "psnr": [40.0] * 4, "ssim": [0.97] * 4, "changes": changes}


WATERMARK = {
    "rows": ["dcgan", "vae", "ddpm"], "bits": 32, "rate": 0.01, "changes": ["none", "jpeg 75"],
    "threshold": {"bits": 24, "n": 4000, "false_positives": 0.004},
    "datasets": {"here": {"tile": {"side": 32, "tiles": 64, "sheet": 256}, "sheets": {
        images: [marked("dwtDctSvd", 36, 1), marked("dwtDct", 36, 0)] for images in ("real", "dcgan", "vae")}}},
}  # fmt: skip


def near(ratio: float, excess: float, copies: float) -> dict[str, Any]:
    found = {"ratio": ratio, "excess": excess, "near_copies": copies, "nearer": copies}
    return {"n": 100, "pixels": found, "features": found}


def picture() -> str:
    buffer = io.BytesIO()
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


MEMORISATION = {
    "rows": ["vae", "dcgan"], "noise": 8.0, "leak": 0.05,
    "datasets": {"here": {
        "n_train": 4000, "n_test": 1000,
        "controls": {"blurred": near(0.7, 0.1, 0.0), "copied": near(0.0, 1.0, 1.0)},
        "rows": {"vae": {"runs": [near(0.8, 0.0, 0.0), near(0.8, 0.1, 0.0)],
                         "pooled": {s: {"value": 0.05, "low": -0.1, "high": 0.2} for s in ("pixels", "features")}}},
        "grids": {"vae": picture()},
    }},
}  # fmt: skip


def trained(fd: float) -> dict[str, Any]:
    points = [{"kimg": k, "fd": fd - k, "classes": 10 * k} for k in (0.0, 1.0, 2.0)]
    curve = {"kimg": [0.5, 1.0, 2.0], "grad/generator": [3.0, 2.0, 1.0], "loss/discriminator": [1.0, 0.5, None]}
    return {"seed": 0, "points": points, "curve": curve}


PRETRAINING = {
    "row": "dcgan", "source": "elsewhere", "target": "here", "pretrained_kimg": 60.0, "early_kimg": 1.0, "seeds": [0],
    "n": 1000, "floor": {"fd": 1.0, "classes": 60},
    "arms": {"scratch": [trained(90.0)], "pretrained": [trained(50.0)]},
}  # fmt: skip

FOUND = {"robustness": ROBUSTNESS, "watermark": WATERMARK, "memorisation": MEMORISATION, "pretraining": PRETRAINING}


def drawn(name: str) -> list[Plot]:
    return base.draw({name: FOUND[name]}, RESULTS)[name]


@pytest.mark.parametrize("name", FOUND)
def test_figures_are_of_the_data_set_that_was_measured(name: str) -> None:
    plots = drawn(name)
    assert [plot.name for plot in plots if plot.name == f"{name}-here"] == [f"{name}-here"]
    for plot, again in zip(plots, drawn(name), strict=True):
        assert plot.caption.endswith(" HERE.")
        assert figures.encode(plot, "svg") == figures.encode(again, "svg")


def test_the_undefended_network_comes_first() -> None:
    (plot,) = drawn("robustness")
    encoder, discriminator = plot.figure.axes
    assert [encoder.get_title(loc="left"), discriminator.get_title(loc="left")] == ["encoder", "discriminator"]
    assert encoder.get_legend_handles_labels()[1] == ["plain", "adversarial training"]
    mean = encoder.get_legend_handles_labels()[0][0]
    assert list(mean.get_xdata()) == [0.0, 0.1, 0.2]
    assert list(mean.get_ydata()) == [0.9, 0.7, 0.4]


def test_detections_of_all_rows_are_one_share() -> None:
    (plot,) = drawn("watermark")
    detection = plot.figure.axes[0]
    shares = [float(line.get_xdata()[0]) for line in detection.get_lines() if len(line.get_xdata()) == 1]
    assert shares == [1.0, 0.25, 1.0, 0.0]  # 8 of 8 and 2 of 8 sheets, then the other mark's
    assert [label.get_text() for label in detection.get_yticklabels()] == ["unchanged", "jpeg 75"]
    assert "8 sheets of dcgan, vae" in plot.caption


def test_controls_stand_above_the_rows_and_pairs_are_shown() -> None:
    measures, pairs = drawn("memorisation")
    assert [label.get_text() for label in measures.figure.axes[0].get_yticklabels()] == ["blurred", "copied", "VAE"]
    (ax,) = pairs.figure.axes
    assert ax.get_title(loc="left") == "VAE"
    assert ax.get_images()[0].get_array().shape == (8, 8, 3)
    assert pairs.name == "memorisation-pairs-here"


def test_both_arms_are_named() -> None:
    (plot,) = drawn("pretraining")
    labels = plot.figure.axes[0].get_legend_handles_labels()[1]
    assert labels[:2] == ["from scratch", "pre-trained"]
    assert "60 kimg of ELSEWHERE" in plot.caption
