"""Samplers' evaluations as graphs, by the stand-in: the images of eager draws, or eager."""

from functools import partial

import pytest
import torch
from torch import Tensor

from paragone.engine import sampling
from paragone.engine.recorders import Again
from paragone.engine.replays import Replayed, drawing
from paragone.models.base import Spec
from paragone.models.layers.kept import Step
from paragone.models.layers.repeated import repeated, wrapping
from support.registered import build, moved

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
SMALL = Spec((1, 16, 16), 2)
ONE_BY_ONE: dict[str, tuple[Spec, dict, int]] = {  # how many steps of their draws are graphs
    "pixel_cnn": (Spec((3, 8, 8), 2), {}, 4),  # a row, and a place's three colours
    "pixel_cnn_labels": (SMALL, {}, 2),
    "vq_prior": (SMALL, {}, 1),
    "vqgan_prior": (Spec((1, 32, 32), 2), {"window": 3}, 1),  # a grid of 8 x 8 codes
    "vq_prior_2": (Spec((1, 32, 32), 2), {}, 3),  # the 4 rows of the top's grid are too few
}


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


@pytest.mark.parametrize("name", ONE_BY_ONE)
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_what_is_drawn_one_by_one_is_what_growing_caches_draw(name, precision):
    spec, config, graphs = ONE_BY_ONE[name]
    torch.manual_seed(0)
    model = moved(build(name, spec, **config)).eval().requires_grad_(False)
    labels = torch.tensor([0, 1]) if "label" in model.needs else None
    autocast = torch.autocast("cpu", precision, enabled=precision != torch.float32)
    draws = []
    for recorder in (None, Again()):
        torch.manual_seed(1)
        with torch.inference_mode(), autocast, drawing(CPU, recorder) as made:
            draws.append((sampling.draw(model, 2, labels), torch.get_rng_state()))
    assert torch.equal(draws[0][0], draws[1][0])
    assert torch.equal(draws[0][1], draws[1][1])
    assert [each.reason for each in made] == [""] * graphs
    assert all(each.replayed for each in made)


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


def test_what_a_step_keeps_is_as_if_it_had_run_once_each_time():
    total = torch.zeros(3)

    def step(x: Tensor) -> Tensor:
        total.add_(x)
        return 2 * total

    results, made = _evaluated(Step(step, [total]))
    assert [r[0].item() for r in results] == [i * (i + 1) for i in range(10)]
    assert (made.replayed, made.reason) == (7, "")


def test_what_a_step_keeps_is_whole_where_it_stays_eager():
    def waiting(total: Tensor, x: Tensor) -> Tensor:
        return total.add_(x) + total.sum().item()

    def counting(total: Tensor, x: Tensor) -> Tensor:
        seen.append(1)
        return total.add_(len(seen) * x)

    for step, reason in ((waiting, "waits"), (counting, "a replay gives other bits")):
        seen: list[int] = []
        total, again = torch.zeros(3), torch.zeros(3)
        results, made = _evaluated(Step(partial(step, total), [total]))
        assert made.replayed == 0
        assert reason in made.reason
        if step is waiting:
            expected = [step(again, torch.full((3,), float(i))) for i in range(10)]
            assert all(torch.equal(a, b) for a, b in zip(results, expected, strict=True))
            assert torch.equal(total, again)


def test_a_step_that_changes_what_is_written_where_by_python_stays_eager():
    """As a cache would that is indexed by the number of a loop."""
    places = torch.zeros(20)
    numbers = iter(range(20))

    def step(x: Tensor) -> Tensor:
        places[next(numbers)] = x[0]
        return places.sum()

    _, made = _evaluated(Step(step, [places]))
    assert (made.replayed, made.reason) == (0, "a replay gives other bits")


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
