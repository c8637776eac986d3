"""What is compared on a device stays on it: metrics of tensors without values, where operands of two devices raise."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from paragone.evaluation import spaces
from paragone.evaluation.metrics import duplicates, frechet, kid, nearest, prdc
from paragone.evaluation.metrics.base import Embedded, Pixels, Statistics

GPU = torch.device("meta")  # in its place: a PyTorch without CUDA cannot index even fake CUDA tensors


@pytest.fixture
def fake_numbers(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTensorMode]:
    """Tensors without values, of which every number that is read is 1."""
    for name, value in (("__float__", 1.0), ("__int__", 1), ("__bool__", True)):
        monkeypatch.setattr(FakeTensor, name, lambda self, value=value: value, raising=False)
    with FakeTensorMode() as mode:
        yield mode


def test_operands_of_two_devices_raise(fake_numbers: FakeTensorMode) -> None:
    with pytest.raises(RuntimeError, match="device"):
        torch.zeros(3, device=GPU) + torch.zeros(3)


def test_comparisons_of_features_stay_on_their_device(fake_numbers: FakeTensorMode) -> None:
    n, d = 20, 30
    known = Statistics(n, torch.zeros(d).double(), torch.zeros(d, d).double(), torch.zeros(n, d).double())
    prepared = {"kid_within": torch.zeros(()), "prdc_radius": torch.zeros(n)}
    real = spaces.Real(known, torch.zeros(n, d), known, prepared).to(GPU)
    view = Embedded(real.statistics, real.subset, torch.zeros(n, d, device=GPU), real.prepared, real.test)
    for metric in (frechet, kid, prdc):
        assert all(isinstance(value, float | int) for value in metric.compute(view).values())
    assert prdc._radii(view.fake, 5, 8).device == GPU  # what is prepared too


def test_the_pool_of_the_nearest_may_stay_elsewhere(fake_numbers: FakeTensorMode) -> None:
    def images(n: int, device: torch.device | str = "cpu") -> Tensor:
        return torch.zeros(n, 4, 4, 1, dtype=torch.uint8, device=device)

    assert nearest.nearest_distances(images(20, GPU), images(30), block=8).device == GPU
    view = Pixels(images(20, GPU), images(30), torch.zeros(5).double(), 0.1)
    assert nearest.compute(view)["nearest_train"]["n_real"] == 30
    assert duplicates.compute(view)["duplicates"]["n"] == 20
