"""What a model asks of its progress, and the kinds of steps that follow."""

import math

import pytest
import torch

from paragone.engine.kinds import Recording, Tree, UnsteadyError
from paragone.models.base import Progress

CPU = torch.device("cpu")


def at(step: int) -> Progress:
    return Progress(step, step * 0.01, 1.0)


def asked(step: int) -> Recording:
    return Recording(at(step), CPU)


def test_comparisons_are_answered_as_the_numbers_would_answer_and_noted():
    progress = asked(7)
    step = progress.step
    assert (step == 7, step != 7, step > 6, step >= 8, step > 3, bool(step)) == (True, False, True, False, True, True)
    assert ((step + 1) % 4 == 0, (10 - step) % 2 == 1, bool(step % 7), step - 7 < 0) == (True, True, False, False)
    assert (progress.share > 0.05, progress.kimg < 0.05) == (True, False)
    assert not progress.used
    assert [question.about for question, _ in progress.asked][:2] == ["step == 7", "step != 7"]
    assert all(question.of(at(7)) == answer for question, answer in progress.asked)


@pytest.mark.parametrize(
    ("use", "value"),
    [
        (lambda p: 2 * p.step, 14), (lambda p: p.step / 2, 3.5), (lambda p: math.sqrt(p.step + 2), 3.0),
        (lambda p: int(p.step), 7), (lambda p: [*range(9)][p.step], 7), (lambda p: f"{p.step}", "7"),
        (lambda p: torch.ones(()) * p.step, 7), (lambda p: p.step + torch.ones(()), 8), (lambda p: p.step == p.step, 1),
        (lambda p: {p.step: 1}[7], 1), (lambda p: -p.step, -7), (lambda p: divmod(p.step, 4), (1, 3)),
        (lambda p: 2**p.step, 128), (lambda p: round(p.share, 1), 0.1), (lambda p: p.kimg + p.step, 7.07),
    ],
)  # fmt: skip
def test_any_other_use_gives_the_number_and_is_noted(use, value):
    progress = asked(7)
    found = use(progress)
    assert found == value or found == pytest.approx(value)
    assert progress.used in ("step", "(step + 2)", "share", "kimg")


def test_the_tree_finds_the_kind_of_a_step_without_the_model():
    def losses(progress) -> str:
        first = "first " if progress.step == 0 else ""
        return (
            first + ("both" if (progress.step + 1) % 3 == 0 else "critic") + (" late" if progress.share > 0.5 else "")
        )

    tree, names = Tree(), {}
    for step in range(100):
        kind = tree.find(at(step))
        if kind is None:
            progress = asked(step)
            name = losses(progress)
            names[id(tree.add(progress))] = name
        else:
            assert names[id(kind)] == losses(at(step))
    assert sorted(names.values()) == ["both", "both late", "critic", "critic late", "first critic"]


def test_a_choice_is_a_question_and_a_number_is_none():
    tree = Tree()
    for step in (0, 40):
        progress = asked(step)
        assert progress.choice(lambda now: now.step // 40) == step // 40
        number = progress.number(lambda now: now.share)
        assert (number.dtype, number.shape, number.item()) == (torch.float32, (), pytest.approx(step / 100))
        tree.add(progress)
    assert tree.find(at(39)) is tree.kinds[0]
    assert tree.find(at(79)) is tree.kinds[1]
    assert tree.find(at(80)) is None
    kind = tree.kinds[0]
    kind.numbers = [torch.zeros(())]
    kind.fill(at(25))
    assert kind.numbers[0] == 0.25


def test_other_questions_after_the_same_answers_are_refused():
    tree = Tree()
    first = asked(0)
    assert first.step == 0
    tree.add(first)
    for ask in (lambda p: p.step > 3, lambda p: None):
        progress = asked(1)
        ask(progress)
        with pytest.raises(UnsteadyError):
            tree.add(progress)
