"""Sampling: deterministic by (seed, batch index), quantised once, timed."""

import numpy as np
import pytest
import torch
from torch import Tensor

from paragone import sampling
from paragone.models.base import Model


class Noise(Model):
    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        return torch.randn(n, 1, 8, 8).clamp(-1, 1)


CPU = torch.device("cpu")


def test_samples_follow_from_seed_and_batch_index_alone():
    first, seconds = sampling.sample(Noise(), 50, seed=1, batch=20, device=CPU, progress=False)
    again, _ = sampling.sample(Noise(), 40, seed=1, batch=20, device=CPU, progress=False)
    other, _ = sampling.sample(Noise(), 40, seed=2, batch=20, device=CPU, progress=False)
    assert first.shape == (50, 8, 8, 1)
    assert first.dtype == np.uint8
    assert len(seconds) == 3
    assert np.array_equal(first[:40], again)
    assert not np.array_equal(again, other)
    assert not np.array_equal(first[:20], first[20:40])


def test_quantising_rounds_clips_and_inverts_the_scaling():
    levels = torch.arange(256).view(256, 1, 1, 1)
    assert np.array_equal(sampling.quantise(levels / 127.5 - 1).ravel(), np.arange(256))
    assert sampling.quantise(torch.tensor([-7.0, 7.0]).view(2, 1, 1, 1)).ravel().tolist() == [0, 255]


def test_speed_states_rate_and_latency():
    speed = sampling.speed(Noise(), [9.0, 2.0, 1.0], [20, 20, 10], device=CPU, precision="fp32")
    assert speed.images_per_second == pytest.approx(10)  # the first batch warms up, the short one is not full
    assert speed.latency_ms > 0
    assert speed.latency_runs >= 1


@pytest.mark.parametrize("channels", [1, 3])
def test_the_wall_shows_the_first_images(channels):
    images = np.full((7, 4, 4, channels), 9, np.uint8)
    picture = np.asarray(sampling.wall(images, columns=3, rows=5))
    assert picture.shape[:2] == (3 * 5 - 1, 3 * 5 - 1)
    assert (picture[:4, :4] == 9).all()
    assert (picture[4] == 255).all()
