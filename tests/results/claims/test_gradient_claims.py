"""C05 and C11 on gradients that are known."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from paragone.project import registry
from paragone.project.params import Params
from paragone.results import runs as results
from paragone.results.claims import c05_penalty_and_least_squares as c05
from paragone.results.claims.base import Evidence, Finding, Verdict, find
from support import sample_project

STEPS = np.arange(0, 401, 10)


def curve(seed: int, late: float) -> dict[str, Any]:
    """A norm that is 7 before the first step, and then goes from 2 to 2 `late` as a power of the step."""
    norms = [7.0, *(2 * late ** (STEPS[1:] / 400) * (1 + 0.1 * seed))]
    return {"seed": seed, "step": STEPS.tolist(), "norm": norms, "auc": [0.5] * len(STEPS)}


def losses(**late: float) -> dict[str, Any]:
    rates = {"minimax": 1e-4, "non_saturating": 20.0, "least_squares": 1e-2, "clipping": 1.0, "penalty": 1.0} | late
    return {
        name: [curve(seed, rate * (1 + 0.05 * seed + 1e-4 * (seed - 2) * len(name))) for seed in range(5)]
        for name, rate in rates.items()
    }


def ages(**trained: float) -> dict[str, Any]:
    """The untrained generator's curves are `losses()`; the trained one's differ in what is given."""
    return {"untrained": losses(), "trained": losses(**trained)}


def vae(seed: int, depth: int, reach: float, bound: float) -> dict[str, Any]:
    reach *= math.exp(0.001 * (seed - 2) * depth)
    before = np.geomspace(3 * reach, 3, 2 * depth + 2).tolist()
    reached = {"train_bound": bound + 0.1 * seed + 0.01 * (seed - 2) * depth, "gain": 0.5}
    return {"seed": seed, "depth": depth, "outcome": "finished", "before": before, **reached}


def depths(**reach: float) -> list[dict[str, Any]]:
    """The bound rises by 3 nats to depth 2, and falls by 40 to depth 16; `d16` reaches the first layer."""
    norms = {"d1": 0.5, "d2": 0.3, "d16": 1e-9} | reach
    return [
        vae(seed, int(d[1:]), r * (1 + 0.1 * seed), {"d1": -130, "d2": -127, "d16": -170}[d])
        for d, r in norms.items()
        for seed in (2, 0, 1, 4, 3)
    ]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> results.Results:
    root: Path = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sample_project.MODELS, "lsgan", {"plan": {"kimg": 100}})
        for known, value in ((sample_project.QUALITY, 8), (sample_project.RATE, 2e4)):
            patch.setitem(known, "lsgan", value)
        patch.setitem(sample_project.LOSSES, "lsgan", ["d", "g"])
        params: Params = sample_project.make(root, seeds=(0, 1, 2, 3, 4, 5), datasets=("mnist-5k",))
    found = results.read(root, params, "quick")
    short = found.runs[found.runs["model"] == "dcgan"].assign(model="dcgan_as_critics")
    every = pd.concat([found.runs, short], ignore_index=True)
    return found._replace(runs=every.assign(**{"train.generator_updates": 1000}))


def assess(runs: results.Results, name: str, **found: Any) -> Finding:
    module = registry.load("claims", name)
    study = {"datasets": {"mnist-5k": {"losses": ages(), "depth": {"relu": depths()}, "left_out": {}} | found}}
    trials = {"modes": [[8, 4], [8, 8]] * 20, "high_quality": [[0.1, 0.9]] * 40}
    cell = {"lr": 0.001, "updates": [500, 1000], "seen": [500, 1000], "trials": trials}
    games = {name: [cell] for name in ("non_saturating", "least_squares", "penalty")}
    collapse = {"geometries": {"ring": {"modes": 8, "games": games}}}
    return find(module.CLAIM, module.effects, Evidence(runs, {"gradients": study, "collapse": collapse}))


def test_fall_and_growth_are_of_tenths_without_the_first_point() -> None:
    norms = curve(0, 1e-4)["norm"][1:]
    assert len(norms) == 40
    assert c05.fall(norms) == pytest.approx(norms[0] / np.median(norms[36:]))
    assert c05.growth(norms) == pytest.approx(np.median(norms[36:]) / np.median(norms[4:8]))
    assert c05.fall([1.0, 5.0, *[1.0] * 18]) == 5


def test_the_losses_are_compared_seed_by_seed(runs: results.Results) -> None:
    finding = assess(runs, "c05_penalty_and_least_squares")
    fall_ls, fall_gp, _, _, growth_ls, growth_gp, _, _ = finding.effects[:8]
    by_hand = [[c05.fall(c["norm"][1:]) for c in losses()[name]] for name in ("minimax", "least_squares")]
    expected = math.prod(a / b for a, b in zip(*by_hand, strict=True)) ** (1 / 5)
    assert fall_ls.size.value == pytest.approx(expected)
    assert 50 < fall_ls.size.value < 100  # a power of 1e-2 over 36 to 39 fortieths of the steps
    assert fall_gp.size.value > 1000
    assert growth_gp.size.value == pytest.approx(20 ** (32 / 40), rel=0.05)
    assert [e.verdict for e in finding.effects[:8]] == [Verdict.SUPPORTED] * 8
    assert "Fall of the untrained generator's gradient, the minimax loss over least squares" in fall_ls.what
    assert "non-saturating loss over the gradient penalty" in growth_gp.what
    assert growth_ls.size.n == 5


def test_an_equal_fall_is_no_effect(runs: results.Results) -> None:
    finding = assess(runs, "c05_penalty_and_least_squares", losses=ages(least_squares=1e-4))
    assert "trained generator's" in finding.effects[2].what
    assert finding.effects[2].verdict is Verdict.NO_EFFECT
    assert finding.effects[2].size.value == pytest.approx(1, abs=1e-3)
    assert finding.effects[0].verdict is Verdict.SUPPORTED


def test_a_gradient_of_zero_counts_as_the_smallest_number(runs: results.Results) -> None:
    gone = ages()
    for curve in gone["untrained"]["minimax"]:
        curve["norm"][-6:] = [0.0] * 6
    finding = assess(runs, "c05_penalty_and_least_squares", losses=gone)
    assert finding.effects[0].verdict is Verdict.SUPPORTED
    assert 1e30 < finding.effects[0].size.value < math.inf


def test_too_few_generators_are_no_verdict(runs: results.Results) -> None:
    few = ages() | {"trained": {name: own[:4] for name, own in losses().items()}}
    finding = assess(runs, "c05_penalty_and_least_squares", losses=few, left_out={"2": "diverged: loss became nan"})
    assert finding.verdict is Verdict.UNMEASURED
    assert "has 4 trained generators of at least 5 (seed 2 diverged: loss became nan)" in finding.reason


def test_depth_is_tested_by_gradient_bound_and_capacity(runs: results.Results) -> None:
    finding = assess(runs, "c11_deep_vae")
    vanishing, harder, capacity = finding.effects
    assert vanishing.size.value == pytest.approx(0.5 / 1e-9)
    assert harder.size.value == pytest.approx(40)
    assert capacity.size.value == pytest.approx(3)
    assert (vanishing.unit, harder.unit, capacity.unit) == ("times", "nats", "nats")
    assert "1 hidden layer over 16 (ReLU, He's weights" in vanishing.what
    assert finding.verdict is Verdict.SUPPORTED


def test_a_gradient_that_arrives_contradicts_and_networks_that_differ_are_mixed(runs: results.Results) -> None:
    both = {"tanh": depths(), "relu": depths(d16=0.5)}
    finding = assess(runs, "c11_deep_vae", depth=both)
    assert [e.verdict for e in finding.effects if "Gradient" in e.what] == [Verdict.SUPPORTED, Verdict.NO_EFFECT]
    assert finding.verdict is Verdict.MIXED


def test_a_loss_whose_own_gradient_stays_is_no_test_of_its_remedies(runs: results.Results) -> None:
    finding = assess(runs, "c05_penalty_and_least_squares", losses=ages(minimax=0.5))
    assert not [e for e in finding.effects if "Fall of the trained" in e.what]
    assert [e.part for e in finding.effects[:2]] == ["vanishing"] * 2
    assert list(finding.parts) == ["vanishing", "exploding", "converging"]


def test_bounds_that_still_rise_are_not_compared(runs: results.Results) -> None:
    rising = [run | {"gain": 5.0 if run["depth"] == 16 else 0.1} for run in depths()]
    assert list(assess(runs, "c11_deep_vae", depth={"relu": rising}).parts) == ["vanishing", "capacity"]


def test_two_depths_are_the_second_and_the_last(runs: results.Results) -> None:
    two = [run for run in depths() if run["depth"] != 2]
    assert [e.size.value for e in assess(runs, "c11_deep_vae", depth={"relu": two}).effects[1:]] == pytest.approx(
        [40, -40]
    )


def test_a_diverged_vae_is_no_verdict(runs: results.Results) -> None:
    lost = depths()
    lost[-1] = {"seed": 1, "depth": 16, "outcome": "diverged", "reason": "loss/vae became nan", "before": [1.0, 1.0]}
    finding = assess(runs, "c11_deep_vae", depth={"relu": lost})
    assert finding.verdict is Verdict.UNMEASURED
    assert "relu, 16 hidden layers, seed 1 diverged: loss/vae became nan" in finding.reason


def test_four_seeds_are_no_verdict(runs: results.Results) -> None:
    two = [run for run in depths() if run["seed"] < 4]
    assert "has 4 seeds; it takes at least 5" in assess(runs, "c11_deep_vae", depth={"relu": two}).reason
