"""The Parzen window against an independent computation."""

import math

import pytest
import torch

from paragone.data.base import ImageSet
from paragone.evaluation import parzen
from paragone.models.base import Spec


def split(levels=256, n=40):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (n, 8, 8, 1), generator=generator, dtype=torch.uint8)
    return ImageSet(images, None, Spec((1, 8, 8), 0, levels))


def test_the_parzen_window_is_a_mixture_of_gaussians_on_the_samples():
    test, samples = split(), torch.rand(30, 64, generator=torch.Generator().manual_seed(1))
    found = parzen.density(iter(samples.split(7)), test, 15, 0)
    generator = torch.Generator().manual_seed(0)
    noise = torch.cat([torch.rand(15, 64, generator=generator) for _ in range(2)])
    x = (torch.cat([test.images[:15], test.images[20:35]]).flatten(1) + noise) / 256

    def density(points, h):
        kernels = torch.distributions.MultivariateNormal(samples.double(), h**2 * torch.eye(64).double())
        return torch.logsumexp(kernels.log_prob(points.double()[:, None]), 1) - math.log(30)

    best = max(parzen.BANDWIDTHS, key=lambda h: density(x[:15], h).mean())
    assert found["bandwidth"] == best
    assert found["nats"] == pytest.approx(density(x[15:], best).mean().item(), abs=0.01)
    assert (found["samples"], found["n"]) == (30, 15)


def test_a_binarised_set_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match="a density of 256 levels and these images have 2; name an 8-bit set"):
        parzen.density(iter([torch.rand(3, 64)]), split(levels=2), 5, 0)
