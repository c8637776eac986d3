"""A conditional model through the stages: sampled in the shares of the classes, judged by label, shown by class."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from paragone.data import base
from paragone.data import prepare as prepared
from paragone.data.base import Loader, Upstream
from paragone.engine import checkpoint, sampling
from paragone.evaluation import protocol
from paragone.project import files, paths
from paragone.stages import classifier, evaluate, reference, sample, train
from support.bars import ARGS, PARAMS, RUN, bars, prepare


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    prepare(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("paragone.evaluation.extractors.classifier.KIMG", 2.0)
        classifier.run(root, PARAMS, "bars")
    reference.run(root, PARAMS, "small", "bars")
    train.run(root, PARAMS, *ARGS)
    sample.run(root, PARAMS, *ARGS)
    evaluate.run(root, PARAMS, *ARGS)
    return root


def labels(project: Path) -> torch.Tensor:
    """The labels that were asked for."""
    net, _ = checkpoint.load_model(project / RUN.weights)
    asked = sampling.labels(net, base.load(project / paths.prepared("bars"), "train"), 48, 0)
    assert asked is not None
    return asked


def test_the_labels_are_drawn_from_the_training_splits(project: Path) -> None:
    assert labels(project).double().mean() == pytest.approx(0.75, abs=0.2)


def test_label_accuracy_is_the_classifiers_word_on_the_samples(project: Path) -> None:
    extractor = protocol.load_extractors(project, "bars", ["classifier"])["clf-bars"]
    samples = torch.from_numpy(np.load(project / RUN.samples))
    logits = extractor.extract(samples, torch.device("cpu")).logits
    assert logits is not None
    right = (logits.argmax(1) == labels(project)).double().mean()
    found = files.read_json(project / RUN.metrics)["label_accuracy"]
    assert found["rate"] == pytest.approx(float(right))
    assert (found["n"], found["space"], len(found["classes"])) == (48, "clf-bars", 2)
    assert files.read_json(project / RUN.headline)["label accuracy"] == found["rate"]


def test_the_floor_is_the_classifiers_accuracy_on_real_images(project: Path) -> None:
    floor = files.read_json(project / paths.reference("small", "bars") / "floor.json")
    about = files.read_json(project / paths.classifier("bars") / "classifier.json")
    assert floor["label_accuracy"]["n"] == 48
    assert floor["label_accuracy"]["rate"] == pytest.approx(about["accuracy"], abs=0.1)
    assert floor["label_accuracy"]["rate"] > 0.8


def test_classes_have_a_row_each(project: Path) -> None:
    samples, asked = np.load(project / RUN.samples), labels(project)
    with Image.open(project / RUN.pictures / "classes.png") as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (2 * 17 - 1, 10 * 17 - 1)
    for row in (0, 1):
        first = samples[(asked == row).numpy()][0, :, :, 0]
        assert np.array_equal(pixels[row * 17 : row * 17 + 16, :16], first)


def test_sampling_again_leaves_no_picture_of_before(project: Path) -> None:
    stale = project / RUN.pictures / "stale.png"
    before = {f.name: f.read_bytes() for f in (project / RUN.pictures).iterdir()}
    stale.write_bytes(b"x")
    sample.run(project, PARAMS, *ARGS)
    assert {f.name: f.read_bytes() for f in (project / RUN.pictures).iterdir()} == before


def test_a_diverged_run_has_an_empty_folder_of_pictures(project: Path) -> None:
    run = paths.Run("small", "bars", "cgan", 1)
    meta = checkpoint.read_metadata(project / RUN.weights) | {"outcome": "diverged", "reason": "nan"}
    checkpoint.save(project / run.weights, checkpoint.load(project / RUN.weights)[0], meta)
    sample.run(project, PARAMS, "small", "bars", "cgan", 1)
    assert list((project / run.pictures).iterdir()) == []
    assert len(np.load(project / run.samples)) == 0


def test_a_set_without_labels_is_refused_before_training(tmp_path: Path) -> None:
    unlabelled = Loader(title="Bars", licence="none", citation="none", class_names=(), sources={})
    parts = tuple(part._replace(labels=None) for part in (bars("train", 40), bars("test", 20)))
    facts = {"name": "bars", "title": "Bars", "loader": "bars", "source": "generated"}
    prepared.write(tmp_path / paths.prepared("bars"), Upstream(parts, exact=True), unlabelled, 16, facts)
    with pytest.raises(ValueError, match="model 'cgan' needs labels and the data set has none; choose a data set with"):
        train.run(tmp_path, PARAMS, *ARGS)
    assert not (tmp_path / RUN.weights).exists()
