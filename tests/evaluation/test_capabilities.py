"""Capabilities on small images: what is measured of each, and that it repeats itself."""

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.optim import Optimizer

from paragone.evaluation import protocol
from paragone.evaluation.capabilities import measure_capabilities
from paragone.models.base import Batch, Model, Progress, Update
from paragone.results import runs, wide_columns
from support.evaluated_bars import CLASSES, Set, bars

CPU = torch.device("cpu")


def distances(whole: Set, images: Tensor) -> dict[str, float]:
    return protocol.distances(images, whole.reference, whole.extractors, CPU)


class Mirror(Model):
    """Reconstructs with a little noise; takes pixels for uniform over 256 levels."""

    capabilities = frozenset({"reconstruct", "rate", "posterior", "log_likelihood_bound", "log_likelihood_estimate"})

    def optimizers(self) -> dict[str, Optimizer]:
        return {}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        yield from ()

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        return torch.zeros(n, 1, 16, 16)

    def reconstruct(self, x: Tensor) -> Tensor:
        return x + 0.05 * torch.randn_like(x)

    def rate(self, x: Tensor) -> Tensor:
        return x.new_tensor([0.5, 2.0]).expand(len(x), 2)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.new_zeros(len(x), 2), x.new_zeros(len(x), 2)

    def log_likelihood_bound(self, x: Tensor) -> Tensor:
        return x.new_full((len(x),), -x[0].numel() * math.log(256))

    def log_likelihood_estimate(self, x: Tensor) -> Tensor:
        return x.new_full((len(x),), -x[0].numel() * math.log(16))


def test_reconstructions_have_the_distance_that_the_same_images_have_as_samples(whole: Set) -> None:
    seen: list[Tensor] = []

    def judge(made: Tensor) -> dict[str, float]:
        seen.append(made)
        return distances(whole, made)

    found = measure_capabilities(Mirror(), whole.test.images, seed=3, device=CPU, judge=judge)
    as_samples = protocol.evaluate(seen[0], whole.reference, whole.extractors, CPU)["spaces"]["clf-bars"]["fd"]
    assert found["reconstruction"]["fd"] == {"clf-bars": pytest.approx(as_samples, rel=1e-5)}
    assert as_samples > distances(whole, whole.test.images)["clf-bars"]  # the mirror is noisy


def test_capabilities_are_measured_and_repeat_themselves(whole: Set) -> None:
    test = whole.test.images
    result = measure_capabilities(Mirror(), test, seed=3, device=CPU)
    found = result["reconstruction"]
    assert result["bits_per_dimension"] == pytest.approx(8)
    assert result["estimated_bits_per_dimension"] == pytest.approx(4)
    parts = result["decomposition"]  # posteriors that are all the prior
    assert [parts[k] for k in ("mutual_information", "total_correlation", "dimension_kl")] == pytest.approx([0] * 3)
    assert (parts["n"], parts["split"]) == (120, "test")
    assert (result["n_test"], found["n"], found["split"]) == (120, 120, "test")
    assert found["psnr"] == pytest.approx(-20 * math.log10(0.025), abs=1)
    assert found["mse"] == pytest.approx(0.025**2, rel=0.3)
    assert 0.5 < found["ssim"] < 1
    assert result["rate"] == {"nats": 2.5, "active": 2, "latents": 2, "n": 120, "split": "test"}
    torch.manual_seed(5)
    assert measure_capabilities(Mirror(), test, seed=3, device=CPU) == result
    assert measure_capabilities(Mirror(), test, seed=4, device=CPU) != result


def test_a_model_that_takes_labels_is_given_those_of_the_images(whole: Set) -> None:
    class Labelled(Model):
        needs = frozenset({"image", "label"})
        capabilities = frozenset({"reconstruct"})

        def reconstruct(self, x: Tensor, cond: Tensor) -> Tensor:
            return x * (cond == 1).view(-1, 1, 1, 1)

    test = whole.test
    made = measure_capabilities(Labelled(), test.images, seed=0, device=CPU, labels=test.labels)["reconstruction"]
    other = test.images[test.labels != 1]
    lost = ((other.double() - 127.5) / 255).square().mean() * len(other) / len(test.images)  # they become grey
    assert made["mse"] == pytest.approx(float(lost), rel=0.01)


def test_exact_likelihoods_stand_apart_from_bounds(whole: Set) -> None:
    class Uniform(Model):
        capabilities = frozenset({"log_likelihood"})

        def log_likelihood(self, x: Tensor) -> Tensor:
            return x.new_full((len(x),), -x[0].numel() * math.log(16))

    result = measure_capabilities(Uniform(), whole.test.images, seed=0, device=CPU)
    assert result == {"exact_bits_per_dimension": pytest.approx(4), "n_test": 120}


class Sorter(Model):
    """Knows the bars by their width, and calls them what it likes."""

    capabilities = frozenset({"cluster"})

    def cluster(self, x: Tensor) -> Tensor:
        return 9 - (x[:, 0] > 0).sum((1, 2)) // 32


class Codes(Model):
    """Codes an image by how light it is."""

    capabilities = frozenset({"codes"})
    codebook_size = 8

    def codes(self, x: Tensor) -> Tensor:
        return ((x.mean((1, 2, 3)) + 1) * 4).long().clamp(0, 7).view(-1, 1, 1)


def test_categories_are_judged_by_the_labels(whole: Set) -> None:
    images, labels = whole.test.images, whole.test.labels
    assert labels is not None
    found = measure_capabilities(Sorter(), images, seed=0, device=CPU, labels=labels)["clustering"]
    assert found == {"accuracy": 1, "categories": CLASSES, "n": 120, "split": "test"}
    mixed = measure_capabilities(Sorter(), images, seed=0, device=CPU, labels=labels.roll(1))["clustering"]
    assert mixed["accuracy"] < 0.6
    assert measure_capabilities(Sorter(), images, seed=0, device=CPU) == {}


def test_a_model_without_capabilities_has_no_such_figures(whole: Set) -> None:
    class Plain(Model):
        pass

    assert measure_capabilities(Plain(), whole.test.images, seed=0, device=CPU) == {}


def test_every_figure_is_a_known_column_of_the_wide_table(whole: Set) -> None:
    measured = protocol.evaluate(bars(100, 2).images, whole.reference, whole.extractors, CPU, bars(100, 2).labels)
    for model in (Mirror(), Sorter(), Codes()):
        measured |= measure_capabilities(
            model, whole.test.images, seed=0, device=CPU, labels=whole.test.labels, judge=lambda x: distances(whole, x)
        )
    assert {"rate", "clustering", "codebook", "label_accuracy", "reconstruction"} <= set(measured)
    for column, _ in runs.flatten("metrics", measured):
        assert wide_columns.meaning(column), f"{column}: describe it in paragone.results.wide_columns.COLUMNS"
