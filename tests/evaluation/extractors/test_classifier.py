"""The classifier: learns, repeats itself bit for bit, and survives its files."""

from pathlib import Path
from typing import Any

import pytest
import torch

from paragone.data.base import ImageSet
from paragone.evaluation.extractors import base, classifier
from paragone.models.base import Spec
from paragone.project import files, paths

CPU = torch.device("cpu")


def held_out(net: classifier.Net, data: ImageSet) -> dict[str, Any]:
    return classifier.held_out(classifier.Classifier(net, "", ""), data, CPU)


def save(root: Path, dataset: str, about: dict[str, Any], *nets: classifier.Net) -> None:
    """Write the judges of a data set, each as the first held-out figures say."""
    named = {classifier.judge_name(seed, net.width): net for seed, net in enumerate(nets)}
    own = {"soft_confusion": about["soft_confusion"], "accuracy": 0.9, "kimg": 4.0}
    classifier.save(root / paths.classifier(dataset), named, {**about, "judges": dict.fromkeys(named, own)})


@pytest.fixture(scope="module")
def trained(blobs: ImageSet) -> classifier.Net:
    return classifier.train(blobs, CPU, kimg=4, progress=False)[0]


def test_learns_what_sets_the_classes_apart(trained: classifier.Net, blobs: ImageSet) -> None:
    found = held_out(trained, blobs)
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
    about = {"shape": [1, 32, 32], "classes": 2, **held_out(trained, blobs)}
    save(tmp_path, "blobs", about, trained)
    loaded = classifier.load(tmp_path, "blobs")
    found = loaded.extract(blobs.images, CPU)
    assert (loaded.name, loaded.dim) == ("clf-blobs", found.values.shape[1])
    assert found.logits is not None
    assert loaded.confusion is not None
    direct = classifier.Classifier(trained, "clf-blobs", "").extract(blobs.images, CPU)
    assert torch.equal(found.values, direct.values)


def test_files_that_do_not_fit_together_are_refused(trained: classifier.Net, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"classifier\.json: not found; run `paragone classifier blobs`"):
        classifier.load(tmp_path, "blobs")
    folder = tmp_path / paths.classifier("blobs")
    facts = {"shape": [1, 32, 32], "classes": 2, "soft_confusion": [[1, 0], [0, 1]], "data": "d" * 64}
    save(tmp_path, "blobs", facts, trained, trained)
    weights = folder / "s1-w16.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ValueError, match=r"s1-w16\.safetensors: SHA-256 is .* classifier\.json names"):
        classifier.load(tmp_path, "blobs")
    weights.unlink()
    with pytest.raises(
        ValueError, match=r"s1-w16\.safetensors: judge s1-w16 is missing from the ensemble of clf-blobs; run"
    ):
        classifier.load(tmp_path, "blobs")
    files.write_json(tmp_path / paths.prepared("blobs") / "dataset.json", {"content_hash": "e" * 64})
    with pytest.raises(ValueError, match=r"judges were trained on data d{12}, and .*prepared/blobs holds e{12}; run"):
        classifier.load(tmp_path, "blobs")
    files.write_json(folder / "classifier.json", {**facts, "judges": [{"name": "s0-w16", "width": 16}]})
    (tmp_path / paths.prepared("blobs") / "dataset.json").unlink()
    with pytest.raises(ValueError, match=r"classifier\.json: a judge lacks sha256, soft_confusion; run `paragone"):
        classifier.load(tmp_path, "blobs")
    files.write_json(folder / "classifier.json", {**facts, "judges": []})
    with pytest.raises(ValueError, match=r"classifier\.json: names no judges"):
        classifier.load(tmp_path, "blobs")
    files.write_json(folder / "classifier.json", {"accuracy": 1.0})
    with pytest.raises(ValueError, match=r"classifier\.json: names no judges, as before protocol 2; run"):
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
    assert apart.spec == Spec((1, 32, 32), 2)
    assert torch.equal(apart.images, blobs.images[rows.flatten()])
    assert apart.labels is not None
    assert torch.equal(apart.labels, digits.flatten())

    net, _ = classifier.train(apart, CPU, kimg=4, progress=False)
    about = {"shape": [3, 32, 32], "classes": 8, "channel_classes": 2, **held_out(net, apart)}
    save(tmp_path, "stacked", about, net)
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


def test_several_judges_are_one_space(trained: classifier.Net, blobs: ImageSet, tmp_path: Path) -> None:
    """Features side by side; classes by the mean of probabilities, computed here from each network alone."""
    other = classifier.train(blobs, CPU, kimg=0.5, progress=False, seed=1, width=8)[0]
    save(tmp_path, "blobs", {"shape": [1, 32, 32], "classes": 2, **held_out(trained, blobs)}, trained, other)
    ensemble = classifier.load(tmp_path, "blobs")
    assert ensemble.judges == ("s0-w16", "s1-w8")
    assert set(ensemble.lineage["judges"]["s1-w8"]) == {"width", "sha256", "accuracy", "kimg"}
    found = ensemble.extract(blobs.images[:50], CPU)
    x = blobs.images[:50].permute(0, 3, 1, 2).float()
    with torch.no_grad():
        (a, p), (b, q) = trained(x), other(x)
    assert found.logits is not None
    torch.testing.assert_close(found.values, torch.cat([a, b], 1), atol=1e-4, rtol=1e-4)
    mean = (p.double().softmax(1) + q.double().softmax(1)) / 2
    torch.testing.assert_close(found.logits.double().softmax(1), mean, atol=1e-5, rtol=1e-4)
    alone = classifier.Classifier(trained, "clf-blobs", "0" * 64)
    assert ensemble.hash != alone.hash
    assert ensemble.first.recipe["width"] == 16


def test_judges_confuse_together_as_on_average(trained: classifier.Net) -> None:
    """A class's mean of mean probabilities is the mean of its means."""
    own = [torch.tensor(rows, dtype=torch.float64) for rows in ([[0.9, 0.1], [0.2, 0.8]], [[0.7, 0.3], [0.0, 1.0]])]
    judges = {name: classifier.Classifier(trained, "n", name, c) for name, c in zip("ab", own, strict=True)}
    found = base.Ensemble(judges, {}).confusion
    assert found is not None
    torch.testing.assert_close(found, torch.tensor([[0.8, 0.2], [0.1, 0.9]], dtype=torch.float64))
