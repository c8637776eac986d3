"""The study of attacks: they keep to their bound, find what noise does not, and are blunted by training on them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from paragone.evaluation.studies import robustness
from paragone.evaluation.studies.robustness import Options, Task
from paragone.models.base import Spec
from paragone.project import files, paths
from paragone.project.params import Params
from paragone.stages import study
from support import square_images

OPTIONS = {
    "dataset": "squares",
    "row": "vae",
    "n": 40,
    "kimg": 0.5,
    "fakes": 100,
    "steps": 3,
    "restarts": 1,
    "train_steps": 2,
}
SHORT = Options(steps=6, curve=(0.25, 1.0))
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def task() -> Task:
    """Images (N,1,8,8) of two classes: a patch that is lighter or darker by more than eps, and around it a pattern
    fainter than eps, which a network would rather learn."""
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(512) % 2
    sign = (2 * labels - 1)[:, None, None, None]
    patch = torch.zeros(1, 1, 8, 8)
    patch[..., 2:6, 2:6] = 1
    pattern = (torch.arange(8)[:, None] + torch.arange(8)) % 2 * 2 - 1
    noise = 0.05 * torch.randn(512, 1, 8, 8, generator=draw)
    x = (0.5 + noise + sign * (0.2 * patch + 0.06 * pattern * (1 - patch))).clamp(0, 1)
    return Task("encoder", (x[:400], labels[:400]), (x[400:], labels[400:]), Spec((1, 8, 8), 2), 4.0, 0.12)


@pytest.fixture(scope="module")
def plain(task: Task) -> nn.Module:
    return robustness._train(task, "plain", 0, SHORT, CPU)


@pytest.fixture(scope="module")
def project(squares: Path) -> Path:
    return squares


def params(**options: object) -> Params:
    return square_images.params(studies={"robustness": OPTIONS | options})


def test_a_network_learns_before_it_is_attacked(plain: nn.Module, task: Task) -> None:
    assert robustness.correct(plain, task.test[0].numpy(), task.test[1]).mean() > 0.9


@pytest.mark.parametrize("attack", [robustness.fgsm(0.0), robustness.pgd(0.0, 4)])
def test_eps_0_changes_nothing(attack: robustness.Attack, plain: nn.Module, task: Task) -> None:
    x = task.test[0].numpy()
    np.testing.assert_array_equal(attack(plain, x, task.test[1]), x)


@pytest.mark.parametrize("attack", [robustness.fgsm(0.1), robustness.pgd(0.1, 4, restarts=2)])
def test_no_pixel_moves_farther_than_eps_or_out_of_range(
    attack: robustness.Attack, plain: nn.Module, task: Task
) -> None:
    x = (3 * task.test[0].numpy() - 1).clip(0, 1)  # pixels at the very ends of the range
    moved = attack(plain, x, task.test[1])
    assert moved.min() >= 0
    assert moved.max() <= 1
    assert 0.05 < np.abs(moved - x).max() <= 0.1 + 1e-6


def test_an_attack_finds_what_noise_of_its_size_does_not(plain: nn.Module, task: Task) -> None:
    x, y = task.test[0].numpy(), task.test[1]
    noise = np.random.default_rng(0).choice([-0.12, 0.12], x.shape).astype(np.float32)
    attacked = robustness.correct(plain, robustness.pgd(0.12, 6)(plain, x, y), y).mean()
    assert attacked < robustness.correct(plain, x + noise, y).mean() - 0.5


def test_training_on_attacks_blunts_them(plain: nn.Module, task: Task) -> None:
    hardened = robustness._train(task, "adversarial training", 0, SHORT, CPU)
    foreign = robustness.fgsm(task.eps)(plain, task.test[0].numpy(), task.test[1])
    before, after = (robustness._attacked(net, foreign, task, SHORT, 0) for net in (plain, hardened))
    assert after["survived"] > before["survived"] + 0.5
    assert after["survived"] <= min(after["clean"], after["transfer"])
    assert before["pgd"][-1] <= before["pgd"][0]


def test_the_same_seed_trains_the_same_network(task: Task) -> None:
    a, b = (robustness._train(task, "adversarial training", 3, SHORT, CPU).state_dict() for _ in range(2))
    assert all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize("kind", ["encoder", "discriminator"])
def test_the_defences_change_what_they_say(kind: str) -> None:
    spec = Spec((3, 32, 32), 2)

    def kinds(norm: bool, dropout: float) -> set[type]:
        net = robustness.network(kind, spec, 4, norm, dropout)
        assert net(torch.rand(3, 3, 32, 32)).shape == (3, 2)
        return {type(layer) for layer in net} & {nn.Dropout, nn.BatchNorm2d}

    assert kinds(norm=False, dropout=0.0) == set()
    assert kinds(norm=True, dropout=0.0) == {nn.BatchNorm2d}
    assert kinds(norm=False, dropout=0.3) == {nn.Dropout}


def test_the_study_measures_both_networks(project: Path) -> None:
    study.run(project, params(), "small", "robustness")
    found = files.read_json(project / paths.study("small", "robustness"))
    assert set(found["networks"]) == {"encoder", "discriminator"}
    for network in found["networks"].values():
        assert set(network["defences"]) == set(robustness.DEFENCES)
        for (row,) in network["defences"].values():
            assert len(row["fgsm"]) == len(row["pgd"]) == len(network["eps_curve"])
            assert 0 <= row["survived"] <= row["clean"] <= 1


def test_a_data_set_without_the_row_is_named(project: Path) -> None:
    with pytest.raises(ValueError, match=r"studies\.robustness\.dataset: 'vae' does not run on 'shapes'"):
        study.run(project, params(dataset="shapes"), "small", "robustness")
