"""References and evaluations on small images with a real classifier: what they contain, and what they refuse."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from paragone.evaluation import protocol, spaces
from paragone.evaluation.extractors import classifier
from paragone.project import files
from support.evaluated_bars import CLASSES, Set, bars

CPU = torch.device("cpu")


def evaluate(whole: Set, images: Tensor) -> dict[str, Any]:
    return protocol.evaluate(images, whole.reference, whole.extractors, CPU)


def test_new_real_images_score_near_the_ideal(whole: Set) -> None:
    result = evaluate(whole, bars(200, 2).images)
    space = result["spaces"]["clf-bars"]
    assert space["precision"] > 0.85
    assert space["recall"] > 0.85
    assert abs(space["kid"]) < 0.02
    assert result["modes"]["missing"] == 0
    assert result["modes"]["tv"] < 0.08
    assert result["nearest_train"]["ratio"] == pytest.approx(1, abs=0.05)
    assert result["is"]["mean"] > 3


def test_every_figure_says_of_how_many_images_and_in_which_space(whole: Set) -> None:
    result = evaluate(whole, bars(100, 2).images)
    space = result["spaces"]["clf-bars"]
    assert (result["outcome"], result["reason"], result["reference_split"]) == ("finished", None, "train")
    assert (result["n"], result["n_real"]) == (100, 400)
    assert (space["n"], space["n_real"], space["n_test"], space["n_subset"]) == (100, 400, 120, 400)
    assert space["n_neighbours"] == 100  # as many real images as samples
    assert space["hash"] == whole.extractors["clf-bars"].hash
    assert space["distance"] == "FD-clf"
    assert 0 < space["fd_se"] < space["fd"]
    assert 0 < space["kid_se"] < 0.1
    for key in ("is", "modes"):
        assert (result[key]["n"], result[key]["space"]) == (100, "clf-bars")
    assert result["duplicates"]["n"] == result["nearest_train"]["n"] == 100


def test_each_failure_of_a_generator_shows_in_its_figure(whole: Set) -> None:
    new = bars(200, 2)
    assert new.labels is not None
    good = evaluate(whole, new.images)
    dropped = evaluate(whole, new.images[new.labels != 3])
    repeated = evaluate(whole, new.images[:8].repeat(25, 1, 1, 1))
    copied = evaluate(whole, whole.train.images[:200])
    copied_space = copied["spaces"]["clf-bars"]
    noise = torch.randint(0, 256, (200, 16, 16, 1), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    broken = evaluate(whole, noise)

    def fd(result: dict[str, Any]) -> float:
        return float(result["spaces"]["clf-bars"]["fd"])

    assert dropped["modes"]["missing"] == 1
    assert fd(dropped) > 3 * fd(good)
    assert repeated["duplicates"]["rate"] == 1
    assert repeated["spaces"]["clf-bars"]["coverage"] < 0.5 * good["spaces"]["clf-bars"]["coverage"]
    assert repeated["is"]["mean"] == pytest.approx(good["is"]["mean"], rel=0.1)  # blind to it
    assert copied["nearest_train"]["copies"] == 1
    assert copied["nearest_train"]["ratio"] == 0
    assert copied_space["fd_test"] > 1.2 * copied_space["fd"]  # the training split as reference rewards copies
    assert fd(broken) > 10 * fd(good)
    assert broken["spaces"]["clf-bars"]["precision"] < 0.2


def test_samples_in_the_order_of_their_classes_score_as_in_any_other(whole: Set) -> None:
    """The Inception Score is taken over parts: each must hold every class."""
    new = bars(200, 2)
    assert new.labels is not None
    by_class = evaluate(whole, new.images[new.labels.argsort()])
    assert by_class["is"]["mean"] == pytest.approx(evaluate(whole, new.images)["is"]["mean"], rel=0.1)


def test_a_saved_reference_measures_the_same_bit_for_bit(whole: Set, tmp_path: Path) -> None:
    protocol.save(tmp_path, whole.reference)
    loaded = protocol.load(tmp_path, whole.extractors, whole.train)
    images = bars(64, 3).images
    again = protocol.evaluate(images, loaded, whole.extractors, CPU)
    assert json.dumps(again, sort_keys=True) == json.dumps(evaluate(whole, images), sort_keys=True)
    files.write_json(tmp_path / "metrics.json", again)
    assert files.read_json(tmp_path / "metrics.json") == again
    before = {f.name: f.read_bytes() for f in tmp_path.iterdir()}
    protocol.save(tmp_path, protocol.build(whole.extractors, whole.train, whole.test, 100, CPU))
    assert {f.name: f.read_bytes() for f in tmp_path.iterdir()} == before


def test_statistics_do_not_depend_on_how_the_set_is_streamed(whole: Set, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spaces, "CHUNK", 96)
    streamed = protocol.build(whole.extractors, whole.train, whole.test, 100, CPU).spaces["clf-bars"].first
    space = whole.reference.spaces["clf-bars"].first
    assert streamed.statistics.n == space.statistics.n
    assert torch.allclose(streamed.statistics.cov, space.statistics.cov, rtol=1e-6, atol=1e-9)
    assert torch.allclose(streamed.test.cov, space.test.cov, rtol=1e-6, atol=1e-9)
    assert torch.allclose(streamed.subset, space.subset, atol=1e-5)


def test_parts_are_random_repeatable_and_whole_where_they_can_be() -> None:
    x = torch.arange(50)
    assert spaces.choose(x, 50) is x
    part = spaces.choose(x, 20)
    assert torch.equal(part, spaces.choose(x, 20))
    assert len(set(part.tolist())) == 20
    assert part.tolist() != list(range(20))


def test_without_labels_there_are_no_mode_shares(whole: Set) -> None:
    unlabelled = whole.train._replace(labels=None)
    reference = protocol.build(whole.extractors, unlabelled, whole.test, 100, CPU)
    result = protocol.evaluate(bars(64, 3).images, reference, whole.extractors, CPU)
    assert reference.about["shares"] is None
    assert "modes" not in result


def test_images_of_the_labels_asked_for_score_the_classifiers_accuracy(whole: Set) -> None:
    new = bars(200, 2)
    assert new.labels is not None
    extractor = whole.extractors["clf-bars"]

    def found(labels: Tensor) -> dict[str, Any]:
        return protocol.evaluate(new.images, whole.reference, whole.extractors, CPU, labels)["label_accuracy"]

    logits = extractor.extract(new.images, CPU).logits
    assert logits is not None
    right = found(new.labels)
    assert right["rate"] == pytest.approx(float((logits.argmax(1) == new.labels).double().mean()))
    assert right["rate"] > 0.9
    assert (right["n"], right["space"], len(right["classes"])) == (200, "clf-bars", CLASSES)
    assert found((new.labels + 1) % CLASSES)["rate"] < 0.1
    assert "label_accuracy" not in evaluate(whole, new.images)


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (torch.zeros(20, 16, 16, 3, dtype=torch.uint8), "images are 16x16x3 torch.uint8, the reference is of 16x16x1"),
        (torch.zeros(20, 32, 32, 1, dtype=torch.uint8), "images are 32x32x1 torch.uint8"),
        (torch.zeros(20, 16, 16, 1), "images are 16x16x1 torch.float32"),
        (torch.zeros(15, 16, 16, 1, dtype=torch.uint8), "15 images are too few to evaluate; take at least 16"),
    ],
)
def test_images_that_do_not_fit_are_refused(whole: Set, images: Tensor, sentence: str) -> None:
    with pytest.raises(protocol.EvaluationError, match=sentence):
        evaluate(whole, images)


def test_a_reference_of_something_else_is_refused(whole: Set, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"reference\.json: no such file"):
        protocol.load(tmp_path, whole.extractors, whole.train)
    older = whole.reference._replace(about={**whole.reference.about, "protocol": 1})
    protocol.save(tmp_path, older)
    with pytest.raises(protocol.EvaluationError, match=r"reference\.json: is of protocol 1, .* 2 here; build the ref"):
        protocol.load(tmp_path, whole.extractors, whole.train)
    protocol.save(tmp_path, whole.reference)
    with pytest.raises(protocol.EvaluationError, match="another training split"):
        protocol.load(tmp_path, whole.extractors, whole.test)
    known = whole.extractors["clf-bars"]
    assert isinstance(known, classifier.Classifier)
    other = classifier.Classifier(known.net, "clf-bars", "1" * 64)
    with pytest.raises(protocol.EvaluationError, match=r"has hash \w+ for 'clf-bars', the extractor \w+; build"):
        protocol.load(tmp_path, {"clf-bars": other}, whole.train)


def test_a_diverged_run_has_a_reason_and_no_figures() -> None:
    assert protocol.diverged("the loss is NaN") == {
        "protocol": protocol.PROTOCOL,
        "outcome": "diverged",
        "reason": "the loss is NaN",
        "n": 0,
        "spaces": {},
    }
