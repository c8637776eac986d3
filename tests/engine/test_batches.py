"""Batches: the order of images; images as they are stored, or drawn from a set that is binarised dynamically."""

import pytest
import torch

from paragone.data.base import ImageSet
from paragone.data.pixels import to_float
from paragone.engine.batches import Order, draw
from paragone.engine.seeding import Stream, seed_all
from paragone.models.base import Spec

CPU, NEEDS = torch.device("cpu"), frozenset[str]()
GREY = torch.arange(256, dtype=torch.uint8).view(4, 8, 8, 1)
INDEX = torch.tensor([3, 0])


def test_a_batch_holds_the_images_of_its_indices() -> None:
    state = torch.get_rng_state()
    batch = draw(ImageSet(GREY, None, Spec((1, 8, 8))), INDEX, NEEDS, CPU)
    assert torch.equal(batch["image"], to_float(GREY[INDEX]))
    assert torch.equal(torch.get_rng_state(), state)  # a set with fixed images draws nothing


def test_dynamic_binarisation_draws_every_step_anew_and_a_step_again_alike() -> None:
    data = ImageSet(GREY, None, Spec((1, 8, 8), levels=2), dynamic=True)

    def at(step: int) -> torch.Tensor:
        seed_all(0, Stream.STEP, step)
        return draw(data, INDEX, NEEDS, CPU)["image"]

    assert set(at(0).unique().tolist()) == {-1, 1}
    assert torch.equal(at(0), at(0))
    assert not torch.equal(at(0), at(1))


def test_the_order_visits_every_image_once_an_epoch_and_differs_between_epochs():
    order = Order(10, 3, seed=1)
    epochs = [torch.cat([order(step) for step in range(3 * e, 3 * e + 3)]) for e in range(2)]
    assert all(len(set(e.tolist())) == 9 for e in epochs)
    assert not torch.equal(*epochs)
    assert torch.equal(Order(10, 3, seed=1)(4), epochs[1][3:6])  # no need to walk there
    with pytest.raises(ValueError, match="fewer than one batch of 11"):
        Order(10, 11, seed=1)


def test_a_batch_is_scaled_to_one_and_channels_last(blobs):
    batch = draw(blobs, torch.tensor([0, 5]), frozenset({"image", "label"}), torch.device("cpu"))
    assert batch["image"].shape == (2, 1, 32, 32)
    assert batch["image"].min() == -1
    assert batch["image"].max() == pytest.approx(220 / 127.5 - 1)
    assert torch.equal(batch["label"], blobs.labels[[0, 5]])
    with pytest.raises(ValueError, match="has none"):
        draw(blobs._replace(labels=None), torch.tensor([0]), frozenset({"label"}), torch.device("cpu"))
