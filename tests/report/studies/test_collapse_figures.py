"""The figures of the collapse study show its shares, its counts of updates and its samples."""

import matplotlib.pyplot as plt
import pytest

from paragone.report.studies import base, collapse


def cell(lr, modes, purity):
    trials = {"modes": [[1, m] for m in modes], "high_quality": [[0.1, purity] for _ in modes],
              "reverse_kl": [[1, 0.1] for _ in modes]}  # fmt: skip
    return {"lr": lr, "trials": trials, "updates": [10, 20], "discriminator_updates": [50, 100], "seen": [500, 1000],
            "shown": [[0.0, 1.0], [1.0, 0.0]]}  # fmt: skip


@pytest.fixture
def found():
    games = {"minimax": [cell(0.1, [8, 8, 4, None], 0.5), cell(0.2, [2, 3, 4, 4], 0.9)],
             "penalty": [cell(0.1, [8, 8, 8, 8], 0.7), cell(0.2, [8, 8, 8, 8], 0.8)]}  # fmt: skip
    content = {"modes": 8, "std": 0.01, "games": games}
    return {"trials": 4, "n": 2500, "steps": 20, "lrs": [0.1, 0.2], "critics": 5, "geometries": {"ring": content}}


def test_the_phase_diagram_has_the_share_of_trials_that_cover_every_mode(found):
    phases, along, samples = base.draw({"collapse": found}, None)["collapse"]
    left, right = phases.figure.axes
    assert [text.get_text() for text in left.texts] == ["50 %", "0 %", "100 %", "100 %"]
    assert [text.get_text() for text in right.texts] == ["50 %", "90 %", "70 %", "80 %"]
    assert [label.get_text() for label in left.get_yticklabels()] == ["minimax", "Wasserstein, penalty"]
    assert along.figure.axes[1].get_lines()[1].get_xdata().tolist() == [50, 100]
    assert [ax.get_title() for ax in samples.figure.axes if ax.get_visible()] == ["minimax", "Wasserstein, penalty"]
    plt.close("all")


def test_the_best_rate_covers_most_and_is_then_the_purest(found):
    games = found["geometries"]["ring"]["games"]
    assert collapse.best(games["minimax"])["lr"] == 0.1
    assert collapse.best(games["penalty"])["lr"] == 0.2


def test_the_table_leaves_trials_that_diverged_out_of_its_means(found):
    (grid,) = base.tables({"collapse": found}, None)["collapse"]
    assert grid.title == "Mode collapse: ring of 8 modes"
    texts = [[cell.text for cell in line.cells] for line in grid.lines]
    assert texts[0] == ["minimax", "0.1", "6.7 ± 2.3", "2", "50.0 ± 0.0", "0.10 ± 0.00", "1"]
    assert texts[3] == ["Wasserstein, penalty", "0.2", "8.0 ± 0.0", "4", "80.0 ± 0.0", "0.10 ± 0.00", "0"]


def test_a_setting_of_which_every_trial_diverged_has_no_means(found):
    (first, *_) = found["geometries"]["ring"]["games"]["minimax"]
    first["trials"] = {key: [[1, None]] * 4 for key in first["trials"]}
    (grid,) = base.tables({"collapse": found}, None)["collapse"]
    assert [cell.text for cell in grid.lines[0].cells] == ["minimax", "0.1", "–", "0", "–", "–", "4"]
