"""What the comparisons put in a peer's place, and the page that they leave."""

import json

import pytest
import torch

from paragone.models.base import Spec
from paragone.models.gan.progan import ProGAN
from support import ROOT


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))  # the comparisons are scripts, and import each other


@pytest.mark.parametrize(("up", "down", "padding"), [(2, 1, (2, 1, 1, 2)), (1, 2, (1, 1, 2, 0)), (1, 1, (-1, 2, 0, 0))])
def test_the_stand_in_for_stylegan2s_kernel_resamples(up, down, padding):
    from stylegan2 import resample

    torch.manual_seed(0)
    x, kernel = torch.randn(3, 1, 5, 6), torch.randn(3, 4)
    found = resample(x, kernel, up, up, down, down, *padding)
    left, _, top, _ = padding
    for i in range(found.shape[2]):
        for j in range(found.shape[3]):
            total = torch.zeros(3)
            for a in range(3):
                for b in range(4):  # the kernel flipped, as a filter is
                    row, column = i * down + a - top, j * down + b - left
                    if row % up == 0 and column % up == 0 and 0 <= row // up < 5 and 0 <= column // up < 6:
                        total += kernel[2 - a, 3 - b] * x[:, 0, row // up, column // up]
            assert torch.allclose(found[:, 0, i, j], total, atol=1e-5)
    assert found.shape[2] == (5 * up + padding[2] + padding[3] - 3) // down + 1


def test_progans_peer_has_the_channels_of_ours():
    import progan

    ours = ProGAN(progan.CONFIG, Spec((1, progan.SIZE, progan.SIZE), 0))
    assert [progan.channels(stage) for stage in range(1, 5)] == [layer.weight.shape[1] for layer in ours.G.rgb]


def test_the_page_is_what_the_results_say():
    import run

    results = json.loads((ROOT / "benchmarks/results.json").read_text())
    assert set(results) <= set(run.COMPARISONS)
    assert (ROOT / "benchmarks/README.md").read_text() == run.render(results)
