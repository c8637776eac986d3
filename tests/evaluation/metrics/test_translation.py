import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from paragone.data.base import ImageSet
from paragone.evaluation import capabilities
from paragone.evaluation.metrics import translation
from paragone.evaluation.metrics.base import Translated
from paragone.models.base import Spec


def images(seed: int, n: int = 3) -> torch.Tensor:
    return torch.randint(256, (n, 16, 16, 3), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def test_figures_are_those_of_an_independent_computation():
    x, y = images(0), images(1)
    found = translation.compute(Translated(x, y))
    a, b = x.numpy(), y.numpy()
    assert found["l1"] == pytest.approx(np.abs(a.astype(float) - b).mean() / 255)
    assert found["psnr"] == pytest.approx(np.mean([peak_signal_noise_ratio(*p) for p in zip(a, b, strict=True)]))
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": 2}
    ssim = [structural_similarity(*p, **options) for p in zip(a, b, strict=True)]
    assert found["ssim"] == pytest.approx(np.mean(ssim), abs=0.02)  # theirs counts the border too


def test_true_partners_are_perfect():
    found = translation.compute(Translated(images(0), images(0)))
    assert (found["l1"], found["mse"]) == (0, 0)
    assert found["ssim"] == pytest.approx(1)


def test_each_source_counts_once_and_stands_beside_its_own_figures():
    test = ImageSet(images(0, 5), None, Spec((3, 16, 16)), images(1, 5))
    samples = torch.cat([images(0, 5), images(2, 4)])  # the sources came round again
    found = capabilities.measure_translation(samples, test)["translation"]
    assert (found["n"], found["split"], found["l1"]) == (5, "test", 0)
    assert found["identity"] == translation.compute(Translated(images(0, 5), images(1, 5)))
    short = capabilities.measure_translation(samples[:3], test)["translation"]
    assert (short["n"], short["l1"]) == (3, 0)


def test_without_true_partners_there_are_no_figures():
    assert capabilities.measure_translation(images(0), ImageSet(images(0), None, Spec((3, 16, 16)))) == {}
    unpaired = ImageSet(images(0), None, Spec((3, 16, 16)), images(1), paired=False)
    assert capabilities.measure_translation(images(0), unpaired) == {}
