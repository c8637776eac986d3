"""Batches: images as they are stored, or drawn from a set that is binarised dynamically."""

import torch

from paragone.data.base import ImageSet
from paragone.data.pixels import to_float
from paragone.engine.batches import draw
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
