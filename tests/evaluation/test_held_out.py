"""Training images kept from a model, and the score by them."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from paragone.data.base import ImageSet
from paragone.engine.selection import HeldOut
from paragone.evaluation import held_out
from paragone.evaluation.extractors import random_conv
from paragone.evaluation.metrics.base import Statistics
from paragone.evaluation.metrics.frechet import frechet_distance
from paragone.models.base import Model, Spec


class Copier(Model):
    """Hands out given images (N,C,H,W) in [-1,1], whichever noise it is given."""

    title, paper = "Copier", "none"

    def __init__(self, images: Tensor) -> None:
        super().__init__()
        self.register_buffer("images", images)

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        return self.images[torch.randint(len(self.images), (n,))]


class Translator(Copier):
    """Gives each source back."""

    title, needs = "Translator", frozenset({"image", "source"})

    def translate(self, source: Tensor, cond: Tensor | None = None) -> Tensor:
        return source


def part(data: ImageSet, seed: int = 0) -> HeldOut:
    return held_out.part(Path(), "blobs", data, "random_conv", seed)


def test_a_tenth_is_held_out_by_the_seed() -> None:
    kept, rest = held_out.split(2000, 3)
    assert len(kept) == 200
    assert sorted([*kept.tolist(), *rest.tolist()]) == list(range(2000))
    assert kept.tolist() == sorted(kept.tolist())
    assert not torch.equal(kept, held_out.split(2000, 4)[0])
    assert len(held_out.split(60_000, 0)[0]) == held_out.MOST
    with pytest.raises(ValueError, match=r"has 159 images.*eval_every takes 160 at least, leave it out"):
        held_out.split(159, 0)


def test_images_like_the_held_out_ones_score_lower_than_noise(blobs: ImageSet) -> None:
    found = part(blobs)
    assert (found.n, len(found.rest)) == (25, 231)
    real = blobs.images.permute(0, 3, 1, 2).float() / 127.5 - 1
    noise = torch.rand(real.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    good, bad = (found.score(Copier(images), "fp32") for images in (real, noise))
    assert good["held-out/KID"] < bad["held-out/KID"]
    assert good["held-out/FD"] < bad["held-out/FD"]
    assert found.score(Copier(real), "fp32") == good  # the same draws each time
    assert "25 held-out training images" in found.by


def test_pairs_are_scored_by_the_sources_of_the_held_out_images(blobs: ImageSet) -> None:
    """So that a model that hands sources back scores the distance of these from the images beside them."""
    kept, _ = held_out.split(256, 0)
    data = blobs._replace(sources=255 - blobs.images)
    extractor = random_conv.load(Path(), "")
    real, sources = (
        Statistics.of(extractor.extract(images[kept], torch.device("cpu")).values)
        for images in (data.images, 255 - data.images)
    )
    spec = Spec((1, 32, 32))
    found = part(data).score(Translator(torch.zeros(1, *spec.shape)), "fp32")
    assert found["held-out/FD"] == pytest.approx(frechet_distance(real, sources), rel=1e-6)
