"""The study of memorisation: copies are seen, blurs are not taken for them, distances are those of plain loops."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from paragone.evaluation.metrics.nearest import nearest_distances
from paragone.evaluation.studies import memorisation
from paragone.project import files, paths
from paragone.project.params import Params
from paragone.stages import classifier, study
from support import square_images

OPTIONS = {"rows": ["vae"], "n": 60, "shown": 4}


def params(**options: object) -> Params:
    return square_images.params(studies={"memorisation": OPTIONS | options})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that gives its training images back, every third with a little noise."""
    root = tmp_path_factory.mktemp("project")
    square_images.prepare(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("paragone.evaluation.extractors.classifier.KIMG", 2.0)
        classifier.run(root, params(), "squares")
    samples = np.load(root / paths.prepared("squares") / "train" / "images.npy")[:48].copy()
    noise = np.random.default_rng(0).integers(0, 3, samples[::3].shape, dtype=np.uint8)
    samples[::3] = np.minimum(samples[::3], 250) + noise
    (root / square_images.RUN.folder).mkdir(parents=True)
    np.save(root / square_images.RUN.samples, samples)
    return root


@pytest.fixture(scope="module")
def found(project: Path) -> dict[str, Any]:
    study.run(project, params(), "small", "memorisation")
    return files.read_json(project / paths.study("small", "memorisation"))["datasets"]["squares"]


def test_a_model_that_copies_is_seen(found: dict[str, Any]) -> None:
    (run,) = found["rows"]["vae"]["runs"]
    assert run["n"] == 48
    assert run["pixels"]["near_copies"] == 1
    assert run["pixels"]["excess"] == pytest.approx(1)
    assert run["pixels"]["nearer"] == 1
    assert run["pixels"]["ratio"] < 0.1
    assert 0 < found["rows"]["vae"]["pooled"]["pixels"]["low"] < 1


def test_exact_copies_are_at_distance_0(found: dict[str, Any]) -> None:
    copied = found["controls"]["copied"]
    assert copied["pixels"]["ratio"] == copied["features"]["ratio"] == 0
    assert copied["pixels"]["excess"] == pytest.approx(1)


def test_unseen_images_are_no_copies_blurred_or_not(found: dict[str, Any]) -> None:
    for name in ("unseen", "blurred"):
        assert found["controls"][name]["pixels"]["near_copies"] < 0.1  # squares may happen to lie in one place
        assert found["controls"][name]["pixels"]["excess"] < 0.5  # 60 images: a standard error of 0.25
    assert found["controls"]["unseen"]["pixels"]["ratio"] == pytest.approx(1)
    assert found["controls"]["blurred"]["pixels"]["ratio"] < 0.95  # what the ratio alone would call nearer


def test_a_few_copies_among_unseen_images_are_counted(project: Path) -> None:
    study.run(project, params(leak=0.2), "small", "memorisation")
    found = files.read_json(project / paths.study("small", "memorisation"))["datasets"]["squares"]
    assert found["controls"]["some copied"]["pixels"]["near_copies"] == pytest.approx(0.2, abs=0.05)


def test_the_interval_of_the_excess_holds_0_for_images_of_the_same_source() -> None:
    """However smooth: a third as long as the real ones, so that few of these are the nearest to many."""
    draw = torch.Generator().manual_seed(0)
    found = []
    for _ in range(60):
        train, test = torch.randn(300, 5, generator=draw), torch.randn(100, 5, generator=draw)
        real = memorisation.Real(train, test, torch.ones(1))
        queries = torch.randn(400, 5, generator=draw) / 3
        found.append(memorisation.excess([memorisation.near(queries, real)], real))
    held = sum(f["low"] < 0 < f["high"] for f in found)
    assert held >= 52  # of 60 at 95 %; fewer by chance once in 150 such tests
    assert max(f["high"] - f["low"] for f in found) < 3


def test_distances_are_those_of_the_metric_and_of_a_plain_loop() -> None:
    draw = torch.Generator().manual_seed(0)
    queries, pool = (torch.randint(0, 256, (n, 8, 8, 1), generator=draw, dtype=torch.uint8) for n in (20, 50))
    points = [memorisation.points(images, None) for images in (queries, pool)]
    distances, index = memorisation._smallest(*points, 2)
    assert distances[:, 0].numpy() == pytest.approx(nearest_distances(queries, pool).numpy(), abs=1e-6)
    plain = ((queries[:, None].double() - pool[None]) / 255).square().flatten(2).mean(2).sqrt()
    assert distances.numpy() == pytest.approx(plain.sort(1).values[:, :2].numpy(), abs=1e-6)
    assert torch.equal(index[:, 0], plain.argmin(1))
    skipped, _ = memorisation._smallest(*points, 1, plain.argmin(1))
    assert skipped[:, 0].numpy() == pytest.approx(plain.sort(1).values[:, 1].numpy(), abs=1e-6)


def test_the_wall_shows_pairs(found: dict[str, Any]) -> None:
    with Image.open(io.BytesIO(base64.b64decode(found["grids"]["vae"]))) as image:
        pixels = np.asarray(image).astype(int)
    assert pixels.shape == (2 * 33 - 1, 4 * 33 - 1)
    assert np.abs(pixels[:32] - pixels[33:]).max() <= 3  # copies: a sample and its training image are one


def test_no_samples_are_named(project: Path, tmp_path: Path) -> None:
    (tmp_path / square_images.RUN.folder).mkdir(parents=True)
    np.save(tmp_path / square_images.RUN.samples, np.empty((0, 32, 32, 1), np.uint8))
    with pytest.raises(ValueError, match="vae: no run left samples"):
        study.run(tmp_path, params(), "small", "memorisation")
