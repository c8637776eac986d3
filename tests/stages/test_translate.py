"""A model that translates, through the stages: its samples are translations, measured against the true partners."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from paragone.data import base
from paragone.data.pixels import to_float
from paragone.engine import checkpoint, inference
from paragone.evaluation.metrics.translation import l1
from paragone.project import files, paths
from paragone.project.params import Entry, Params
from paragone.results import runs, schema
from paragone.stages import evaluate, ingest, reference, sample, train

DRAWN = {"loader": "day_night", "source": "generated", "resolution": 16}
COUNTS = {"n_train": 40, "n_test": 24}
ROW = {"plan": {"kimg": 0.12, "batch": 4}, "config": {"width": 4, "strided": 1, "lr": 0.001}}
PARAMS = Params.model_validate(
    {
        "profile": "small",
        "datasets": {"pairs": DRAWN | {"options": COUNTS}, "hidden": DRAWN | {"options": COUNTS | {"paired": False}}},
        "profiles": {
            "small": {
                "about": "Day to night.", "datasets": ["pairs"], "seeds": [0], "samples": 32, "sample_batch": 16,
                "spaces": ["lite0"], "models": {"pix2pix": ROW},
            }
        },
    }
)  # fmt: skip
ARGS = ("small", "pairs", "pix2pix", 0)
RUN = paths.Run(*ARGS)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    ingest.run(root, PARAMS, "pairs")
    reference.run(root, PARAMS, "small", "pairs")
    for stage in (train, sample, evaluate):
        stage.run(root, PARAMS, *ARGS)
    return root


def test_the_samples_are_the_translations_of_the_test_sources(project: Path) -> None:
    test = base.load(project / paths.prepared("pairs"), "test")
    samples = np.load(project / RUN.samples)
    model = inference.load(project / RUN.folder)
    sources = test.sources.numpy()[np.arange(32) % 24]
    np.testing.assert_array_equal(samples, model.sample(32, seed=0, sources=sources))
    found = files.read_json(project / RUN.metrics)["translation"]
    assert (found["n"], found["split"]) == (24, "test")
    assert found["l1"] == pytest.approx(float(l1(torch.from_numpy(samples[:24]), test.images).mean()))
    assert found["identity"]["l1"] == pytest.approx(float(l1(test.sources, test.images).mean()))
    assert files.read_json(project / RUN.headline)["L1 to partner"] == found["l1"]


def test_a_model_that_goes_back_has_a_cycle_error(project: Path) -> None:
    row = {"plan": {"kimg": 0.04, "batch": 4}, "config": {"width": 4, "blocks": 1, "strided": 1}}
    chosen = PARAMS.get_profile("small")
    params = PARAMS.model_copy(
        update={"profiles": {"small": chosen.model_copy(update={"models": {"cyclegan": Entry.model_validate(row)}})}}
    )
    run = paths.Run("small", "pairs", "cyclegan", 0)
    for stage in (train, sample, evaluate):
        stage.run(project, params, "small", "pairs", "cyclegan", 0)
    test = base.load(project / paths.prepared("pairs"), "test")
    net, _ = checkpoint.load_model(project / run.weights)
    samples = torch.from_numpy(np.load(project / run.samples)[:24])
    with torch.no_grad():
        back = net.F(to_float(samples)).tanh()  # instance normalisation treats images apart
    levels = ((back + 1) * 127.5).round().clamp(0, 255).permute(0, 2, 3, 1)
    found = files.read_json(project / run.metrics)["cycle"]
    assert (found["n"], found["split"]) == (24, "test")
    assert found["l1"] == pytest.approx(float((levels - test.sources.float()).abs().mean()) / 255, abs=1e-4)
    assert "cycle" not in files.read_json(project / RUN.metrics)  # Pix2Pix knows one way


def test_its_picture_shows_source_translation_and_truth(project: Path) -> None:
    test, samples = base.load(project / paths.prepared("pairs"), "test"), np.load(project / RUN.samples)
    with Image.open(project / RUN.pictures / "translations.png") as picture:
        pixels = np.asarray(picture)
    for row, images in enumerate((test.sources.numpy(), samples, test.images.numpy())):
        np.testing.assert_array_equal(pixels[17 * row : 17 * row + 16, :16], images[0])


def test_every_figure_is_a_known_column(project: Path) -> None:
    table = schema.as_table(runs.read(project, PARAMS, "small").runs)
    schema.check(table)
    (row,) = table.to_dict("records")
    assert (row["train.generator_updates"], row["train.updates.discriminator"]) == (30, 30)
    assert row["train.images_drawn"] == 120
    assert row["metrics.translation.identity.ssim"] < 1


def test_images_of_a_file_are_translated_from_the_command_line(project: Path, tmp_path: Path) -> None:
    sources = project / paths.prepared("pairs") / "test" / "sources.npy"
    inference.draw(project / RUN.folder, 4, 0, None, tmp_path / "out", sources)
    assert len(list((tmp_path / "out").glob("0*.png"))) == 4
    for given, sentence in (
        (None, r"Pix2Pix translates images; give 4 source images \(uint8, 16x16x3\)"),
        (project / RUN.training, "not a .npy file of images"),
    ):
        with pytest.raises(inference.ReuseError, match=sentence):
            inference.draw(project / RUN.folder, 4, 0, None, tmp_path / "other", given)
    with pytest.raises(inference.ReuseError, match="holds 24 images, fewer than the 25 to translate"):
        inference.draw(project / RUN.folder, 25, 0, None, tmp_path / "other", sources)
    with pytest.raises(inference.ReuseError, match="source images are 2x8x8x3 uint8; Pix2Pix translates 2x16x16x3"):
        inference.load(project / RUN.folder).sample(2, sources=np.zeros((2, 8, 8, 3), np.uint8))


def test_a_set_whose_training_has_no_pairs_is_refused(project: Path) -> None:
    ingest.run(project, PARAMS, "hidden")
    with pytest.raises(ValueError, match="Pix2Pix learns from pairs and the data set's sources belong to no image"):
        train.run(project, PARAMS, "small", "hidden", "pix2pix", 0)
    assert not (project / paths.Run("small", "hidden", "pix2pix", 0).weights).exists()
