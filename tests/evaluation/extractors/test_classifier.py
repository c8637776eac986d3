"""The classifier: learns, repeats itself bit for bit, and survives its files."""

from pathlib import Path

import pytest
import torch

from paragone.data.base import ImageSet
from paragone.evaluation.extractors import classifier
from paragone.models.base import Spec
from paragone.project import paths

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


def test_channels_are_taken_apart_and_their_classes_combined(blobs: ImageSet, tmp_path: Path) -> None:
    """Three channels of two classes each: the label's digits in base 2, the first of the first channel."""
    assert blobs.labels is not None
    rows = torch.randint(len(blobs.images), (200, 3), generator=torch.Generator().manual_seed(1))
    images = torch.cat([blobs.images[rows[:, c]] for c in range(3)], -1)  # (200,32,32,3)
    digits = blobs.labels[rows]
    stacked = ImageSet(images, digits @ torch.tensor([4, 2, 1]), Spec((3, 32, 32), 8))
    apart = classifier.channels(stacked, 2)
    assert apart.spec == ((1, 32, 32), 2)
    assert torch.equal(apart.images, blobs.images[rows.flatten()])
    assert apart.labels is not None
    assert torch.equal(apart.labels, digits.flatten())

    net, _ = classifier.train(apart, CPU, kimg=4, progress=False)
    about = {"shape": [3, 32, 32], "classes": 8, "channel_classes": 2, **classifier.held_out(net, apart, CPU)}
    classifier.save(tmp_path / paths.classifier("stacked"), net, about)
    loaded = classifier.load(tmp_path, "stacked")
    found = loaded.extract(images, CPU)
    assert found.logits is not None
    assert loaded.confusion is not None
    assert (loaded.dim, found.values.shape, found.logits.shape) == (384, (200, 384), (200, 8))
    assert (found.logits.argmax(1) == stacked.labels).float().mean() > 0.8
    each = classifier.Classifier(net, "", "").extract(apart.images, CPU).logits
    assert each is not None
    p = each.softmax(1).view(200, 3, 2)
    product = torch.einsum("na,nb,nc->nabc", *p.unbind(1)).flatten(1)
    torch.testing.assert_close(found.logits.softmax(1), product, atol=1e-5, rtol=1e-4)
    assert stacked.labels is not None
    direct = torch.stack([product[stacked.labels == k].mean(0) for k in range(8)])
    assert (loaded.confusion - direct).abs().max() < 0.1
    assert loaded.confusion.sum(1).tolist() == pytest.approx([1] * 8)
