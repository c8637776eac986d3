"""What a CUDA graph asks of the draws of models that sample one symbol after another, on tensors without values."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor

from paragone.engine.recorders import NoWaiting
from paragone.models.base import Spec
from paragone.models.layers.kept import Step, staying
from paragone.models.layers.repeated import wrapping
from support.nowhere import NOWHERE, NothingFromPython, away
from support.registered import build

SPEC, TINY = Spec((3, 16, 16), 2), Spec((3, 8, 4), 2)
CASES: dict[str, tuple[str, Spec, dict, list[int]]] = {  # the steps that are evaluated again and again, and how often
    "PixelCNN": ("pixel_cnn", TINY, {}, [8, 32, 32, 32]),  # rows, and each colour of a pixel
    "PixelCNN with labels": ("pixel_cnn_labels", TINY, {}, [8, 32, 32, 32]),
    "VQ-VAE": ("vq_prior", SPEC, {}, [16]),
    "VQGAN": ("vqgan_prior", SPEC, {}, [16]),
    "VQGAN, a window": ("vqgan_prior", SPEC, {"window": 3}, [16]),
    "VQ-VAE-2": ("vq_prior_2", SPEC, {}, [16]),  # the bottom; the top has 4 codes, and the grids few rows
}


@pytest.fixture(autouse=True)
def nothing_is_cast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # of such tensors there is none


@pytest.mark.parametrize("case", CASES)
def test_steps_wait_for_nothing_and_keep_what_they_change_in_its_place(case: str) -> None:
    name, spec, config, times = CASES[case]
    model = build(name, spec, **config).eval().requires_grad_(False)
    away(model)
    labels = torch.zeros(2, dtype=torch.int64) if "label" in model.needs else None
    watched: list[Watched] = []

    def watch(evaluate: Callable[..., Any]) -> Watched:
        watched.append(Watched(evaluate))
        return watched[-1]

    with torch.inference_mode(), wrapping(watch), staying():
        images = model.sample(2, labels)
    assert images.shape == (2, *spec.shape)
    assert [each.calls for each in watched] == times


class Watched:
    """A step that raises where it waits, and asserts what a recording takes for granted: tensors of one shape come in
    and go out, and the state is what it was and where it was."""

    def __init__(self, evaluate: Callable[..., Any]) -> None:
        assert isinstance(evaluate, Step)
        self.step, self.calls = evaluate, 0
        self.signature: Any = None

    def __call__(self, *inputs: Tensor) -> Any:
        with NoWaiting(), NothingFromPython():
            found = self.step(*inputs)
        self.calls += 1
        outputs = (found,) if isinstance(found, Tensor) else found
        signature = [(x.shape, x.dtype, x.device.type) for x in (*inputs, *outputs)], list(map(id, self.step.state))
        assert self.signature in (None, signature)
        assert {device for _, _, device in signature[0]} == {NOWHERE.type}
        self.signature = signature
        return found


@pytest.mark.parametrize("case", [case for case in CASES if "labels" not in case])  # which are checked first
def test_the_whole_draw_waits_for_nothing(case: str) -> None:
    """Not between its steps either."""
    name, spec, config, _ = CASES[case]
    model = build(name, spec, **config).eval().requires_grad_(False)
    away(model)
    with torch.inference_mode(), staying(), NoWaiting(), NothingFromPython():
        assert model.sample(2).shape == (2, *spec.shape)
