"""The classifier: learns, repeats itself bit for bit, and survives its files."""

from pathlib import Path

import pytest
import torch

from paragone import paths
from paragone.datasets.base import ImageSet
from paragone.extractors import classifier
from paragone.models.base import Spec

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def trained(blobs: ImageSet) -> classifier.Net:
    return classifier.train(blobs, CPU, kimg=4, progress=False)[0]


def test_learns_what_sets_the_classes_apart(trained: classifier.Net, blobs: ImageSet) -> None:
    found = classifier.held_out(trained, blobs, CPU)
    counts = torch.tensor(found["confusion"])
    assert found["accuracy"] > 0.9
    assert counts.sum() == len(blobs.images)
    assert counts.diagonal().sum() / counts.sum() == pytest.approx(found["accuracy"])
    assert torch.tensor(found["soft_confusion"]).sum(1).tolist() == pytest.approx([1, 1])


def test_repeats_itself_bit_for_bit(blobs: ImageSet) -> None:
    torch.manual_seed(1)
    first = classifier.train(blobs, CPU, kimg=0.5, progress=False)[0].state_dict()
    torch.manual_seed(2)
    second = classifier.train(blobs, CPU, kimg=0.5, progress=False)[0].state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_files_give_the_same_features_back(trained: classifier.Net, blobs: ImageSet, tmp_path: Path) -> None:
    about = {"shape": [1, 32, 32], "classes": 2, **classifier.held_out(trained, blobs, CPU)}
    classifier.save(tmp_path / paths.classifier("blobs"), trained, about)
    loaded = classifier.load(tmp_path, "blobs")
    found = loaded.extract(blobs.images, CPU)
    assert (loaded.name, loaded.dim) == ("clf-blobs", found.values.shape[1])
    assert found.logits is not None
    assert loaded.confusion is not None
    direct = classifier.Classifier(trained, "clf-blobs", loaded.weights).extract(blobs.images, CPU)
    assert torch.equal(found.values, direct.values)


def test_files_that_do_not_fit_together_are_refused(trained: classifier.Net, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"classifier\.json: not found; run `paragone classifier blobs`"):
        classifier.load(tmp_path, "blobs")
    folder = tmp_path / paths.classifier("blobs")
    classifier.save(folder, trained, {"shape": [1, 32, 32], "classes": 2, "soft_confusion": [[1, 0], [0, 1]]})
    weights = folder / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ValueError, match=r"weights\.safetensors: SHA-256 is .* classifier\.json names"):
        classifier.load(tmp_path, "blobs")


@pytest.mark.parametrize(("shape", "classes"), [((1, 28, 28), 3), ((3, 32, 32), 10), ((3, 64, 64), 40), ((1, 8, 8), 2)])
def test_fits_any_size_and_number_of_classes(shape: tuple[int, int, int], classes: int) -> None:
    c, h, w = shape
    images = torch.randint(0, 256, (32, h, w, c), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    data = ImageSet(images, torch.arange(32) % classes, Spec(shape, classes))
    net, kimg = classifier.train(data, CPU, kimg=0.064, progress=False)
    features, logits = net(images.permute(0, 3, 1, 2).float())
    assert kimg == pytest.approx(0.064)
    assert features.shape == (32, classifier.DIM)
    assert logits.shape == (32, classes)
