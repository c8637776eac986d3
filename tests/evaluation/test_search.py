"""A search's score, its held-out images, and the expected best of k."""

import statistics
from itertools import combinations

import pytest
import torch

from paragone.data.base import ImageSet
from paragone.evaluation import search
from paragone.evaluation.extractors.base import Extractor

SCORES = [4.0, 1.0, 2.5, 9.0, 2.5]


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_the_expected_best_is_that_of_every_choice_of_k(k: int) -> None:
    best = [min(chosen) for chosen in combinations(SCORES, k)]
    assert search.expected_best(SCORES, k) == pytest.approx((statistics.mean(best), statistics.pstdev(best)))


class Places(Extractor):
    """The first pixel as the feature."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, None]:
        return x[:, :, 0, 0], None


def test_held_out_images_are_in_no_training_set(blobs: ImageSet) -> None:
    images = blobs.images.clone()
    images[:, 0, 0, 0] = torch.arange(256).to(torch.uint8)  # each image says which it is
    parts = search.split(blobs._replace(images=images), 40, 0, Places())
    kept, rest = parts.held_out.flatten().tolist(), parts.train.images[:, 0, 0, 0].tolist()
    assert sorted([*kept, *rest]) == list(range(256))
    assert len(kept) == 40
    assert blobs.labels is not None
    assert parts.train.labels is not None
    assert torch.equal(parts.train.labels, blobs.labels[torch.tensor(rest)])
    with pytest.raises(ValueError, match="held_out is 129, more than half of the 256 training images; lower it"):
        search.split(blobs, 129, 0, Places())
