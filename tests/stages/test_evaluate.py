"""The stages classifier, reference, train, sample and evaluate, one after the other, in a small project."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from paragone.data import base as datasets
from paragone.engine import checkpoint
from paragone.evaluation.extractors import classifier as extractor
from paragone.evaluation.protocol_number import PROTOCOL
from paragone.project import files, paths
from paragone.stages import classifier, evaluate, reference, sample
from support.square_images import ARGS, RUN, params, prepare


@pytest.fixture(scope="module")
def project(squares: Path) -> Path:
    return squares


def test_the_classifier_says_how_far_it_can_be_trusted(project: Path) -> None:
    about = files.read_json(project / paths.classifier("squares") / "classifier.json")
    facts = files.read_json(project / paths.prepared("squares") / "dataset.json")
    assert about["accuracy"] > 0.9
    assert np.array(about["confusion"]).sum() == about["n_test"] == 60
    assert about["data"] == facts["content_hash"]
    assert [judge["name"] for judge in about["judges"]] == ["s0-w16", "s1-w8"]
    for judge in about["judges"]:
        weights = project / paths.classifier("squares") / f"{judge['name']}.safetensors"
        assert judge["sha256"] == files.sha256(weights)
        assert judge["accuracy"] > 0.9
    assert about["judges"][0]["sha256"] != about["judges"][1]["sha256"]


def test_a_data_set_may_have_judges_of_its_own(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paragone.evaluation.extractors.classifier.KIMG", 0.1)
    shutil.copytree(project / paths.prepared("squares"), tmp_path / paths.prepared("squares"))
    squares = params().datasets["squares"].model_copy(update={"judges": [4]})
    chosen = params().model_copy(update={"datasets": {"squares": squares}})
    classifier.run(tmp_path, chosen, "squares")
    about = files.read_json(tmp_path / paths.classifier("squares") / "classifier.json")
    assert [judge["name"] for judge in about["judges"]] == ["s0-w4"]


def test_a_space_of_several_judges_has_their_mean_and_spread(project: Path) -> None:
    """Against the figures of each judge, and those against a computation from its features alone."""
    metrics = files.read_json(project / RUN.metrics)["spaces"]["clf-squares"]
    floor = files.read_json(project / paths.reference("small", "squares") / "floor.json")["spaces"]["clf-squares"]
    assert list(metrics["judges"]) == list(floor["judges"]) == ["s0-w16", "s1-w8"]
    for key in ("fd", "kid", "precision", "coverage", "fd_test", "fd_se"):
        for figures in (metrics, floor):
            each = [judge[key] for judge in figures["judges"].values()]
            assert figures[key] == pytest.approx(np.mean(each))
            assert figures["spread"][key] == pytest.approx(np.std(each, ddof=1))
    train = datasets.load(project / paths.prepared("squares"), "train").images
    samples = torch.from_numpy(np.load(project / RUN.samples))
    space = extractor.load(project, "squares")
    real, fake = (
        space.extract(images, torch.device("cpu")).values[:, 128:].double().numpy() for images in (train, samples)
    )
    mean = ((real.mean(0) - fake.mean(0)) ** 2).sum()
    a, b = np.cov(real.T), np.cov(fake.T)
    root = np.sqrt(np.linalg.eigvals(a @ b).real.clip(0)).sum()
    assert metrics["judges"]["s1-w8"]["fd"] == pytest.approx(mean + np.trace(a) + np.trace(b) - 2 * root, rel=1e-4)


def test_the_reference_says_which_judges_there_are(project: Path) -> None:
    about = files.read_json(project / paths.reference("small", "squares") / "reference.json")["spaces"]["clf-squares"]
    judges = files.read_json(project / paths.classifier("squares") / "classifier.json")["judges"]
    assert {name: about_judge["sha256"] for name, about_judge in about["judges"].items()} == {
        j["name"]: j["sha256"] for j in judges
    }
    assert all(0.5 < about_judge["accuracy"] <= 1 for about_judge in about["judges"].values())


def test_the_floor_is_the_test_split_at_the_same_n(project: Path) -> None:
    folder = project / paths.reference("small", "squares")
    floor, about = files.read_json(folder / "floor.json"), files.read_json(folder / "reference.json")
    assert (floor["n"], floor["n_real"], about["n"], about["split"]) == (48, 200, 200, "train")
    assert about["spaces"]["clf-squares"]["hash"] == floor["spaces"]["clf-squares"]["hash"]
    assert floor["nearest_train"]["ratio"] == pytest.approx(1, abs=0.1)


def test_metrics_have_the_floors_figures_and_the_models_abilities(project: Path) -> None:
    metrics = files.read_json(project / RUN.metrics)
    floor = files.read_json(project / paths.reference("small", "squares") / "floor.json")
    assert metrics["outcome"] == "finished"
    assert metrics["protocol"] == floor["protocol"] == PROTOCOL
    assert set(metrics) >= set(floor) - {"label_accuracy"}  # the floor has it, a model without labels has not
    assert set(metrics["spaces"]["clf-squares"]) == set(floor["spaces"]["clf-squares"])
    assert metrics["spaces"]["clf-squares"]["fd"] > floor["spaces"]["clf-squares"]["fd"]
    assert metrics["reconstruction"]["n"] == 48
    assert metrics["reconstruction"]["fd"]["clf-squares"] > floor["spaces"]["clf-squares"]["fd"]


def test_evaluating_again_gives_the_same_bytes(project: Path) -> None:
    before = (project / RUN.metrics).read_bytes()
    torch.manual_seed(7)
    evaluate.run(project, params(), *ARGS)
    assert (project / RUN.metrics).read_bytes() == before


def test_many_samples_serve_the_distance_at_infinity_alone(project: Path, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(project, root)
    many = params(many={"vae": 2000}, sample_batch=48)
    sample.run(root, many, *ARGS)
    samples = np.load(root / RUN.samples)
    assert np.array_equal(samples[:48], np.load(project / RUN.samples))
    assert len(samples) == 2000
    evaluate.run(root, many, *ARGS)
    few, found = files.read_json(project / RUN.metrics), files.read_json(root / RUN.metrics)
    space = found["spaces"]["clf-squares"]
    assert space.pop("n_infinity") == 2000
    assert 0 < space.pop("fd_infinity") < space["fd"]
    assert found == few


def test_a_diverged_run_is_an_outcome(project: Path) -> None:
    run = paths.Run("small", "squares", "vae", 1)
    meta = checkpoint.read_metadata(project / RUN.weights)
    meta |= {"outcome": "diverged", "reason": "loss vae is nan at step 7"}
    checkpoint.save(project / run.weights, checkpoint.load(project / RUN.weights)[0], meta)
    evaluate.run(project, params(), "small", "squares", "vae", 1)
    assert files.read_json(project / run.metrics) == {
        "protocol": PROTOCOL,
        "outcome": "diverged",
        "reason": "loss vae is nan at step 7",
        "n": 0,
        "spaces": {},
    }


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (
            np.zeros((48, 28, 28, 1), np.uint8),
            "holds 48x28x28x1 uint8, the profile and the data set ask for 48x32x32x1",
        ),
        (np.zeros((10, 32, 32, 1), np.uint8), "holds 10x32x32x1 uint8"),
        (np.zeros((48, 32, 32, 1), np.float32), "holds 48x32x32x1 float32"),
    ],
)
def test_samples_of_another_shape_are_refused(tmp_path: Path, array: np.ndarray[Any, Any], sentence: str) -> None:
    file = tmp_path / "samples.npy"
    np.save(file, array)
    with pytest.raises(ValueError, match=rf"samples\.npy: {sentence}.*; sample the run again"):
        evaluate.read_samples(file, (48, 32, 32, 1))


def test_samples_that_are_missing_or_cut_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "samples.npy"
    with pytest.raises(ValueError, match=r"samples\.npy: no such file"):
        evaluate.read_samples(file, (48, 32, 32, 1))
    np.save(file, np.zeros((48, 32, 32, 1), np.uint8))
    for size in (0, 40, 5000):
        file.write_bytes(file.read_bytes()[:size] if size else b"")
        with pytest.raises(ValueError, match=r"samples\.npy: not a whole \.npy file"):
            evaluate.read_samples(file, (48, 32, 32, 1))
        np.save(file, np.zeros((48, 32, 32, 1), np.uint8))


def test_an_evaluation_that_fails_writes_nothing(project: Path) -> None:
    with pytest.raises(ValueError, match="the profile and the data set ask for 50x32x32x1"):
        evaluate.run(project, params(samples=50), *ARGS)
    assert json.loads((project / RUN.metrics).read_text())["n"] == 48


def test_a_space_that_the_reference_lacks_is_named(project: Path) -> None:
    with pytest.raises(ValueError, match=r"has hash None for 'lite0-64'.*build the reference again"):
        evaluate.run(project, params(spaces=["classifier", "lite0"]), *ARGS)


def test_without_labels_there_is_no_classifier(tmp_path: Path) -> None:
    prepare(tmp_path, labelled=False)
    with pytest.raises(ValueError, match=r"'squares' has no labels.*take 'classifier' out of the spaces"):
        classifier.run(tmp_path, params(), "squares")
    reference.run(tmp_path, params(spaces=["lite0"]), "small", "squares")
    floor = files.read_json(tmp_path / paths.reference("small", "squares") / "floor.json")
    assert set(floor["spaces"]) == {"lite0-64"}
    assert "modes" not in floor
    assert "is" not in floor
