"""The factor classifier: it learns to read what was drawn, and agrees within its tolerance."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from paragone.data import base as datasets
from paragone.evaluation import factor_classifier, factors
from paragone.evaluation.factor_classifier import Names
from paragone.project import paths
from paragone.project.params import Dataset, Params
from paragone.stages import ingest

FACTORS = Names(["grey", "row"], np.array([3, 17]), np.array([True, False]))


def bars(values: Mapping[str, NDArray[np.int64]], side: int) -> NDArray[np.uint8]:
    """A bar of one of three greys, at one of 17 heights."""
    images = np.zeros((len(values["row"]), side, side, 1), np.uint8)
    for image, grey, row in zip(images, values["grey"], values["row"], strict=True):
        image[row : row + side - 16] = 85 * (grey + 1)
    return images


@pytest.fixture(scope="module")
def classifier() -> factor_classifier.FactorClassifier:
    return factor_classifier.train(bars, FACTORS, 24, 8.0, 0.125, progress=False)


def test_it_reads_what_was_drawn(classifier: factor_classifier.FactorClassifier) -> None:
    values = np.stack([np.repeat(np.arange(3), 17), np.tile(np.arange(17), 3)], 1)
    read = classifier.predict(torch.from_numpy(bars(FACTORS.of(values), 24)))
    assert (read[:, 0] == values[:, 0]).mean() > 0.95
    assert classifier.agree(read, FACTORS.shares(values))[:, 1].mean() > 0.9
    assert np.corrcoef(read[:, 1], values[:, 1])[0, 1] > 0.95


def test_it_does_not_read_what_is_not_there(classifier: factor_classifier.FactorClassifier) -> None:
    """One image tells nothing of the others' factors."""
    values = np.stack([np.repeat(np.arange(3), 17), np.tile(np.arange(17), 3)], 1)
    read = classifier.predict(torch.from_numpy(bars(FACTORS.of(values[:1]), 24)).expand(51, -1, -1, -1))
    assert classifier.agree(read, FACTORS.shares(values)).all(1).mean() < 0.2


def test_classes_must_be_equal_and_shares_near() -> None:
    classifier = factor_classifier.FactorClassifier(torch.nn.Identity(), FACTORS, 0.125)
    same = classifier.agree(
        np.array([[1.0, 0.5], [1.0, 0.5], [2.0, 0.1]]), np.array([[1.0, 0.62], [2.0, 0.63], [2.0, 0.3]])
    )
    assert same.tolist() == [[True, True], [False, False], [True, False]]


def test_shares_of_values() -> None:
    assert FACTORS.shares(np.array([[2, 0], [1, 8], [0, 16]])).tolist() == [[2, 0], [1, 0.5], [0, 1]]


def test_training_is_deterministic() -> None:
    a, b = (factor_classifier.train(bars, FACTORS, 16, 1.0, 0.1, progress=False) for _ in range(2))
    assert all(torch.equal(x, y) for x, y in zip(a.net.state_dict().values(), b.net.state_dict().values(), strict=True))


def test_losses_are_cross_entropy_and_error_over_variance() -> None:
    pred, target = torch.tensor([[1.0, 2.0, 0.5, 0.3], [0.0, -1.0, 0.2, 0.9]]), torch.tensor([[1.0, 0.5], [0.0, 1.0]])
    entropy = -torch.stack([pred[0, :3].log_softmax(0)[1], pred[1, :3].log_softmax(0)[0]]).mean()
    squared = torch.tensor([0.2**2, 0.1**2]).mean() * 12
    torch.testing.assert_close(factor_classifier._loss(pred.split([3, 1], 1), target), entropy + squared)


def test_sides_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="images of 20 x 20 cannot be read: the network takes sides divisible by 8"):
        factor_classifier.train(bars, FACTORS, 20, 1.0, 0.1)


def test_factors_that_it_reads_well_are_trusted(classifier: factor_classifier.FactorClassifier) -> None:
    assert classifier.trusted(bars, 24, 0.8).all()
    assert not classifier.trusted(lambda values, side: bars(values, side)[::-1].copy(), 24, 0.8).any()


def test_a_factor_that_a_set_holds_fixed_is_drawn_as_it_is_there(tmp_path: Path) -> None:
    options = {"n_train": 60, "n_test": 12, "rotation": [3], "background": [4]}
    entry = Dataset(loader="shapes", source="generated", options=options)
    ingest.run(tmp_path, Params.model_construct(profile="none", profiles={}, datasets={"few": entry}), "few")
    prepared = tmp_path / paths.prepared("few")
    draw, names = factor_classifier.drawn(prepared, ("shape", "colour", "background"))
    assert names.names == ["shape", "colour", "scale", "x", "y"]
    known = factors.read(prepared, ("shape",), 4)
    train = datasets.load(prepared, "train").images
    assert np.array_equal(draw(names.of(known.values[:60]), 32), train.numpy())
