"""The study of modes: runs are sampled anew, one that draws a single image misses modes, real images none."""

from pathlib import Path
from typing import Any

import pytest
import torch

from paragone.data import base as datasets
from paragone.engine import checkpoint
from paragone.project import files, paths, pipeline
from paragone.stages import study
from support import settings_files, square_images

OPTIONS = {"rows": ["vae"], "dataset": "squares", "n": 40}


def params(**options: Any) -> square_images.Params:
    return square_images.params(seeds=[0, 1, 2], studies={"mode_coverage": OPTIONS | options})


@pytest.fixture(scope="module")
def found(squares: Path) -> dict[str, Any]:
    """Seed 0 as trained; seed 1 draws one real image, whatever the latents; seed 2 diverged."""
    root = squares
    model, meta = checkpoint.load_model(root / square_images.RUN.weights)
    kept = {key: meta[key] for key in ("precision", "seed")}
    diverged = {"outcome": "diverged", "reason": "loss/model became nan by 0.3 kimg"}
    checkpoint.save_model(_weights(root, 2), model, meta["recipe"], **kept, **diverged)
    image = datasets.load(root / paths.prepared("squares"), "train").images[0]
    with torch.no_grad():  # one that is surely of one class: of a blur, judges may say that it is half of each
        model.decoder[2].weight.zero_()
        model.decoder[2].bias.copy_(torch.logit(image.flatten() / 255, eps=0.01))
    checkpoint.save_model(_weights(root, 1), model, meta["recipe"], **kept, outcome="finished", reason=None)
    study.run(root, params(), "small", "mode_coverage")
    return files.read_json(root / paths.study("small", "mode_coverage"))


def _weights(root: Path, seed: int) -> Path:
    return root / paths.Run("small", "squares", "vae", seed).weights


def test_a_run_that_draws_one_image_misses_the_other_modes(found: dict[str, Any]) -> None:
    trained, collapsed, diverged = found["rows"]["vae"]
    assert (collapsed["missing"], collapsed["missing_share"], collapsed["counted"]) == (1, 0.5, 1)
    assert (trained["seed"], trained["n"], trained["outcome"]) == (0, 40, "finished")
    assert diverged == {"seed": 2, "outcome": "diverged", "reason": "loss/model became nan by 0.3 kimg"}


def test_real_images_miss_none(found: dict[str, Any]) -> None:
    assert (found["real"]["missing"], found["real"]["counted"], found["real"]["n"]) == (0, 2, 40)
    assert found["real"]["ideal"] < 1e-6
    assert (found["dataset"], found["space"], found["classes"]) == ("squares", "clf-squares", 2)


def test_its_stage_depends_on_the_weights_alone(tmp_path: Path) -> None:
    settings_files.write_profile(tmp_path, "small", {"about": "which other files it is made of: none"})
    stage = pipeline.generate(tmp_path, params())[Path("dvc.yaml")]
    listed = stage[stage.index("study-mode_coverage") :]
    assert "runs/small/squares/vae/2/model.safetensors" in listed
    assert "samples.npy" not in listed.split("report:")[0]


def test_a_row_that_does_not_run_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"mode_coverage\.rows: 'vae' does not run on mnist-5k; take it out, or let it"
    ):
        study.run(tmp_path, params(dataset="mnist-5k"), "small", "mode_coverage")


def test_a_data_set_without_labels_has_no_modes(tmp_path: Path) -> None:
    square_images.prepare(tmp_path, labelled=False)
    with pytest.raises(ValueError, match="squares has no labels, so no modes to count; name another set"):
        study.run(tmp_path, params(), "small", "mode_coverage")
