"""The floor: drawn as a generator draws, classes too, and no image twice."""

import numpy as np
import pytest
import torch
from scipy import linalg

from paragone.data.base import ImageSet
from paragone.evaluation import floor, protocol
from paragone.evaluation.extractors import classifier
from paragone.models.base import Spec

SHARES = [0.1] * 10
BALANCED = torch.arange(10).repeat_interleave(100)


def test_a_part_of_a_split_is_any_part() -> None:
    drawn = floor.draw(BALANCED, 1000, SHARES, 500, split=0)
    assert len(set(drawn.tolist())) == 500
    assert torch.bincount(BALANCED[drawn]).tolist() != [50] * 10
    assert torch.equal(drawn, floor.draw(BALANCED, 1000, SHARES, 500, split=0))
    assert not torch.equal(drawn, floor.draw(BALANCED, 1000, SHARES, 500, split=1))


def test_a_whole_balanced_split_loses_its_balance_and_a_few_images() -> None:
    """Classes vary as those of so many independent draws: chi-squared over many splits has its degrees of freedom."""
    statistics = []
    for split in range(200):
        drawn = floor.draw(BALANCED, 1000, SHARES, 1000, split=split)
        counts = torch.bincount(BALANCED[drawn], minlength=10).double()
        assert len(set(drawn.tolist())) == len(drawn) > 700
        assert counts.max() == 100  # until a class has no more
        statistics.append(float(((counts - len(drawn) / 10).square() / (len(drawn) / 10)).sum()))
    assert np.mean(statistics) == pytest.approx(9, abs=1.5)


@pytest.mark.parametrize(("size", "n", "expected"), [(1000, 1000, 500), (24, 48, 16), (10, 48, 10)])
def test_where_a_class_has_hardly_an_image_half_of_the_split_remains(size: int, n: int, expected: int) -> None:
    labels = torch.arange(size)  # one image each
    assert len(set(floor.draw(labels, size, [1 / size] * size, n, split=0).tolist())) == expected


def test_of_a_small_split_as_many_are_drawn_as_an_evaluation_takes() -> None:
    labels = torch.arange(6).repeat_interleave(4)
    drawn = [floor.draw(labels, 24, [1 / 6] * 6, 32, split=split) for split in range(50)]
    assert min(len(set(each.tolist())) for each in drawn) == protocol.FEWEST


def test_without_labels_any_images_will_do() -> None:
    assert sorted(floor.draw(None, 60, None, 100, split=0).tolist()) == list(range(60))


def test_distances_to_the_test_split_are_those_of_training_images() -> None:
    train, test = spots(300, 0), spots(100, 1)
    net, _ = classifier.train(train, torch.device("cpu"), kimg=2, progress=False)
    extractor = classifier.Classifier(net, "clf-spots", "0" * 64)
    reference = protocol.build({"clf-spots": extractor}, train, test, 40, torch.device("cpu"))
    found = floor.measure(reference, train, test, {"clf-spots": extractor}, torch.device("cpu"))
    assert found["n"] == 40
    alike = train.images[floor.draw(train.labels, 300, reference.about["shares"], 40, split=1)]
    a, b = (extractor.extract(x, torch.device("cpu")).values.double().numpy() for x in (test.images, alike))
    root = linalg.sqrtm(np.cov(a.T) @ np.cov(b.T)).real
    delta = a.mean(0) - b.mean(0)
    expected = delta @ delta + np.trace(np.cov(a.T) + np.cov(b.T) - 2 * root)
    assert found["spaces"]["clf-spots"]["fd_test"] == pytest.approx(expected, rel=0.02)
    assert found["spaces"]["clf-spots"]["n_test"] == 100


def spots(n: int, seed: int) -> ImageSet:
    """Noise (n,16,16,1), and a bright left or right half."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(2, (n,), generator=draw)
    images = torch.randint(0, 60, (n, 16, 16, 1), generator=draw)
    images[labels == 1, :, 8:] += 190
    return ImageSet(images.to(torch.uint8), labels, Spec((1, 16, 16), 2))
