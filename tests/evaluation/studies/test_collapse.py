"""Mode collapse in the plane: the measures on points whose modes are known, and every game's first steps."""

import math

import pytest
import torch

from paragone.evaluation.studies import collapse
from paragone.evaluation.studies.collapse import GAMES, Options
from paragone.models.layers import functional
from paragone.project.study import Work

CPU = torch.device("cpu")
TINY = {"trials": 3, "steps": 4, "measured": 2, "batch": 8, "hidden": 8, "timesteps": 5, "n": 50, "lrs": (1e-3,)}


def test_the_modes_are_those_of_the_papers():
    ring, std = collapse.modes("ring")
    torch.testing.assert_close(ring.norm(dim=1), torch.ones(8))
    assert std == 0.01
    grid, std = collapse.modes("grid")
    assert {tuple(p) for p in grid.tolist()} == {(x, y) for x in range(-4, 5, 2) for y in range(-4, 5, 2)}
    assert std == 0.05


def test_real_points_cover_every_mode_and_nearly_all_are_good():
    for geometry in ("ring", "grid"):
        centres, std = collapse.modes(geometry)
        torch.manual_seed(0)
        found = collapse.judge(collapse._draw(centres, std, 2, 2500), centres, std)
        assert found["modes"].tolist() == [len(centres)] * 2
        # within 3 standard deviations of a Gaussian in the plane: 1 - exp(-9/2)
        torch.testing.assert_close(found["high_quality"], torch.full((2,), 1 - math.exp(-4.5)), atol=0.006, rtol=0)
        assert found["reverse_kl"].max() < 0.02


def test_modes_missed_shares_and_divergences_are_told_apart():
    centres, std = collapse.modes("ring")
    one = centres[[0] * 10]
    two = torch.cat([centres[[0] * 5], centres[[4] * 4], torch.tensor([[0.5, 0.0]])])  # the last is no good sample
    broken = one.clone()
    broken[3, 0] = math.nan
    found = collapse.judge(torch.stack([one, two, broken]), centres, std)
    assert found["modes"][:2].tolist() == [1, 2]
    torch.testing.assert_close(found["high_quality"][:2], torch.tensor([1.0, 0.9]))
    kl = 0.6 * math.log(0.6 * 8) + 0.4 * math.log(0.4 * 8)
    torch.testing.assert_close(found["reverse_kl"][:2], torch.tensor([math.log(8), kl]))
    assert all(values[2].isnan() for values in found.values())


@pytest.mark.parametrize("name", [*GAMES, "diffusion"])
def test_every_game_plays_and_says_what_it_saw(name):
    cell = collapse.cell("ring", name, 1e-3, Options(**TINY), CPU)
    assert {key: len(trials) for key, trials in cell["trials"].items()} == dict.fromkeys(cell["trials"], 3)
    critics = {"clipping": 5, "penalty": 5, "diffusion": 0}.get(name, 1)
    assert cell["updates"] == [2, 4]
    assert cell["discriminator_updates"] == [2 * critics, 4 * critics]
    packed = 2 if name == "packing" else 1
    assert cell["seen"][-1] == 4 * 8 * max(critics, 1) * packed
    assert cell == collapse.cell("ring", name, 1e-3, Options(**TINY), CPU)


def test_the_penalties_are_those_of_images():
    play = collapse._Adversaries(GAMES["penalty"], 1e-3, Options(**TINY | {"trials": 2}), CPU)
    real, fake = torch.randn(2, 8, 2), torch.randn(2, 8, 2)
    torch.manual_seed(1)
    found = play._penalty(real, fake)
    torch.manual_seed(1)
    as_images = (t.reshape(16, 1, 1, 2) for t in (real, fake))
    expected = functional.gradient_penalty(lambda x: play.D(x.reshape(2, 8, 2)), *as_images)
    torch.testing.assert_close(found, 0.1 * expected)


def test_clipped_weights_stay_in_their_box():
    play = collapse._Adversaries(GAMES["clipping"], 0.5, Options(**TINY), CPU)
    play.step(lambda: torch.randn(3, 8, 2))
    assert max(p.abs().max() for p in play.D.parameters()) <= 0.1


def test_a_small_game_learns_where_the_modes_are():
    """The noise predictor is the one that needs fewest steps: its samples get nearer to the ring."""
    options = Options(**TINY | {"steps": 300, "measured": 2, "batch": 64, "hidden": 32, "timesteps": 20, "n": 200})
    torch.manual_seed(0)
    play = collapse._Diffusion(1e-2, options, CPU)
    centres, std = collapse.modes("ring")

    def distance():
        return torch.cdist(play.sample(200), centres.expand(3, -1, -1)).min(2).values.median()

    before = distance()
    for _ in range(options.steps):
        play.step(lambda: collapse._draw(centres, std, 3, 64))
    assert distance() < before / 3


def test_the_study_holds_every_geometry_game_and_rate():
    options = Options(**TINY | {"lrs": (1e-3, 1e-2), "games": ("minimax", "diffusion")})
    found = collapse.measure(Work(None, "p", {}, [0], options))
    assert set(found["geometries"]) == {"ring", "grid"}
    assert [cell["lr"] for cell in found["geometries"]["grid"]["games"]["diffusion"]] == [1e-3, 1e-2]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, "steps is 0; it must be above 0"),
        ({"trials": 1}, "trials is 1; a share of trials needs at least 2"),
        ({"steps": 5, "measured": 2}, r"steps is 5; it must be a multiple of measured \(2\)"),
        ({"lrs": (0.1, -1.0)}, r"lrs is \[0.1, -1.0\]; it must be one or more learning rates above 0"),
    ],
)
def test_options_that_make_no_study_are_one_sentence(wrong, message):
    with pytest.raises(ValueError, match=message):
        Options(**wrong)


def test_rates_stay_for_half_of_the_updates_and_then_fall_to_nothing(monkeypatch):
    rates = []

    class Recorded(collapse._Diffusion):
        def step(self, draw):
            rates.append(self.optimizers[0].param_groups[0]["lr"])
            super().step(draw)

    monkeypatch.setattr(collapse, "_Diffusion", Recorded)
    collapse.cell("ring", "diffusion", 0.1, Options(**TINY | {"steps": 8}), CPU)
    assert rates == pytest.approx([0.1] * 5 + [0.075, 0.05, 0.025])


def test_the_noise_of_a_denoising_step_is_the_posteriors():
    """Data of one point, the origin, whose exact noise is x / sqrt(1 - alpha_bar): every x_t has the variance
    1 - alpha_bar_t, down to 0."""
    play = collapse._Diffusion(1e-3, Options(**TINY | {"trials": 2, "timesteps": 50}), CPU)
    spread = []

    def exact(x, t):
        left = (1 - play.alpha_bars[t[0, 0]]).sqrt()
        spread.append((x.std() / left).item())
        return x / left

    play._predict = exact
    torch.manual_seed(0)
    assert play.sample(4000).abs().max() < 1e-5
    assert spread == pytest.approx([1] * 50, rel=0.03)
