"""Samplers' evaluations as graphs, by the stand-in: the images of eager draws, or eager."""

import pytest
import torch
from torch import Tensor

from paragone.engine import sampling
from paragone.engine.recorders import Again
from paragone.engine.replays import Replayed, drawing
from paragone.models.layers.repeated import repeated, wrapping
from support.registered import build

CPU = torch.device("cpu")
LONG = {
    "ddim": 10,
    "strided": 10,
    "edm": 9,
    "heun": 9,
    "dpm_solver": 10,
    "rectified_flow": 10,
    "relay": 10,
    "ldm": 10,
}  # steps


@pytest.mark.parametrize("name", ["ddpm", "improved_ddpm", *LONG, "dcgan"])
def test_replayed_samples_have_the_bits_of_eager_ones(name):
    torch.manual_seed(0)
    model = build(name, **({"steps": LONG[name]} if name in LONG else {})).eval().requires_grad_(False)
    draws = []
    for recorder in (None, Again()):
        torch.manual_seed(1)
        with torch.inference_mode(), drawing(CPU, recorder) as made:
            draws.append((sampling.draw(model, 2), torch.get_rng_state()))
    assert torch.equal(draws[0][0], draws[1][0])
    assert torch.equal(draws[0][1], draws[1][1])  # what is drawn next is the same, too
    assert [bool(each.replayed) for each in made] == ([] if name == "dcgan" else [True])
    assert not any(each.reason for each in made)


def _evaluated(evaluate, times: int = 10) -> tuple[list[Tensor], Replayed]:
    with torch.inference_mode(), drawing(CPU, Again()) as made:
        wrapped = repeated(evaluate, times)
        results = [wrapped(torch.full((3,), float(i))) for i in range(times)]
    return results, made[0]


def test_results_are_kept_from_the_next_replay():
    results, made = _evaluated(lambda x: x.square())
    assert [r[0].item() for r in results] == [i**2 for i in range(10)]
    assert made.replayed == 7


def test_a_function_with_a_memory_stays_eager():
    seen: list[int] = []

    def evaluate(x: Tensor) -> Tensor:
        seen.append(1)
        return x * len(seen)

    _, made = _evaluated(evaluate)
    assert (made.replayed, made.reason) == (0, "a replay gives other bits")


def test_a_function_that_waits_for_the_device_stays_eager():
    results, made = _evaluated(lambda x: x * x.max().item())
    assert [r[0].item() for r in results] == [i**2 for i in range(10)]
    assert made.replayed == 0
    assert "waits" in made.reason


def test_inputs_of_another_shape_are_evaluated_eagerly():
    with drawing(CPU, Again()) as made:
        wrapped = repeated(lambda x: x + 1, 20)
        results = [wrapped(torch.zeros(1 + (i == 5))) for i in range(10)]
    assert [len(r) for r in results] == [1] * 5 + [2] + [1] * 4
    assert made[0].replayed == 6


def test_few_evaluations_and_those_on_a_cpu_are_as_they_are():
    evaluate = torch.zeros_like
    assert repeated(evaluate, 1000) is evaluate
    with wrapping(lambda f: Replayed(f, Again(), CPU)):
        assert repeated(evaluate, 7) is evaluate
        assert repeated(evaluate, 8) is not evaluate
    with drawing(CPU):
        assert repeated(evaluate, 1000) is evaluate
