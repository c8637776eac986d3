"""Nearest images: against scipy; a model that copies its training set is caught."""

import pytest
import torch
from scipy.spatial.distance import cdist

from paragone.evaluation.metrics.base import Pixels
from paragone.evaluation.metrics.nearest import compute, nearest_distances


def images(n: int, seed: int) -> torch.Tensor:
    """Smooth random images (n,8,8,3), each unlike the others."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.nn.functional.interpolate(torch.rand(n, 3, 3, 3, generator=draw), 8, mode="bilinear")
    return (x * 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


@pytest.mark.parametrize("block", [1, 7, 64, 1024])
def test_equals_scipy_in_blocks_of_any_size(block: int) -> None:
    x, y = images(50, 1), images(70, 2)
    flat = [z.flatten(1).double().numpy() / 255 for z in (x, y)]
    scale = flat[0].shape[1] ** 0.5
    between, within = cdist(*flat) / scale, cdist(flat[0], flat[0]) / scale
    within[range(50), range(50)] = 9
    assert nearest_distances(x, y, block).numpy() == pytest.approx(between.min(1), abs=1e-7)
    assert nearest_distances(x, block=block).numpy() == pytest.approx(within.min(1), abs=1e-7)


def test_copies_are_exactly_zero_away() -> None:
    x = images(40, 1)
    assert nearest_distances(x[10:20], x).eq(0).all()
    assert nearest_distances(torch.cat([x, x[:3]]))[-3:].eq(0).all()


def view(fakes: torch.Tensor) -> Pixels:
    train, test = images(300, 1), images(200, 2)
    return Pixels(fakes, train, nearest_distances(test, train), 0.0)


def test_new_images_are_as_far_as_test_images() -> None:
    found = compute(view(images(200, 3)))["nearest_train"]
    assert found["ratio"] == pytest.approx(1, abs=0.05)
    assert found["copies"] < 0.03
    assert (found["n"], found["n_real"]) == (200, 300)


def test_a_model_that_copies_its_training_set_is_caught() -> None:
    noise = torch.randint(-2, 3, (100, 8, 8, 3), generator=torch.Generator().manual_seed(4))
    copies = (images(300, 1)[:100].short() + noise).clamp(0, 255).to(torch.uint8)
    found = compute(view(torch.cat([copies, images(50, 3)])))["nearest_train"]
    assert found["ratio"] < 0.3
    assert found["copies"] == pytest.approx(2 / 3, abs=0.02)
