"""Kinds of training steps: steps that ask the same of their progress and get the same answers run the same computation.

A model sees `Watched` numbers in place of its progress. Comparisons of these, and of their sums, differences and
remainders, are answered and noted; any other use of the value is noted as such. The answers tell the kind of a step,
and as a tree of questions they tell the next step's without calling the model.
"""

import math
import operator
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from paragone.models.base import Choice, Progress

Of = Callable[[Progress], Any]


class Question(NamedTuple):
    """What a model asked, in words, and how the answer follows from a progress."""

    about: str
    of: Callable[[Progress], Hashable]


class UnsteadyError(ValueError):
    """The same answers were followed by another question: something else decides what the model computes."""


class Watched:
    """A number of the progress. Use it as a number; `notes` knows how it was used."""

    def __init__(self, notes: "Recording", of: Of, about: str) -> None:
        self._notes, self._of, self._about = notes, of, about

    @property
    def _value(self) -> Any:
        return self._of(self._notes.progress)

    def _compare(self, compare: Callable[[Any, Any], bool], symbol: str, other: Any) -> Any:
        if not isinstance(other, int | float):
            self._notes.use(self._about)
            return compare(self._value, _plain(other))
        return self._notes.ask(Question(f"{self._about} {symbol} {other}", lambda p: compare(self._of(p), other)))

    def _derive(self, of: Of, about: str, other: Any) -> Any:
        if isinstance(other, int | float):
            return Watched(self._notes, of, about)
        self._notes.use(self._about)
        return None

    def __bool__(self) -> bool:
        return bool(self._notes.ask(Question(f"{self._about} != 0", lambda p: bool(self._of(p)))))

    def __hash__(self) -> int:
        self._notes.use(self._about)
        return hash(self._value)


def _comparison(compare: Callable[[Any, Any], bool], symbol: str) -> Callable[[Watched, Any], Any]:
    return lambda self, other: self._compare(compare, symbol, other)


def _derivation(derive: Callable[[Any, Any], Any], text: str) -> Callable[[Watched, Any], Any]:
    def method(self: Watched, other: Any) -> Any:
        found = self._derive(lambda p: derive(self._of(p), other), text.format(self._about, other), other)
        return derive(self._value, _plain(other)) if found is None else found

    return method


def _use(compute: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Watched, *others: Any) -> Any:
        self._notes.use(self._about)
        return compute(self._value, *map(_plain, others))

    return method


def _plain(value: Any) -> Any:
    return value._value if isinstance(value, Watched) else value


def _reflected(compute: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda a, b: compute(b, a)


_COMPARISONS = {"lt": "<", "le": "<=", "eq": "==", "ne": "!=", "ge": ">=", "gt": ">"}
_DERIVATIONS = {"add": "({} + {})", "sub": "({} - {})", "mod": "({} % {})"}
_REFLECTED = {"add": "({1} + {0})", "sub": "({1} - {0})", "mod": "({1} % {0})"}
_PAIRS: dict[str, Callable[..., Any]] = {
    "mul": operator.mul,
    "truediv": operator.truediv,
    "floordiv": operator.floordiv,
    "pow": pow,
    "divmod": divmod,
}
_SINGLE: dict[str, Callable[..., Any]] = {
    "neg": operator.neg, "pos": operator.pos, "abs": abs, "int": int, "float": float, "index": operator.index,
    "round": round, "trunc": math.trunc, "floor": math.floor, "ceil": math.ceil, "str": str, "repr": repr,
    "format": format,
}  # fmt: skip

for _name, _text in _COMPARISONS.items():
    setattr(Watched, f"__{_name}__", _comparison(getattr(operator, _name), _text))
for _name, _text in _DERIVATIONS.items():
    setattr(Watched, f"__{_name}__", _derivation(getattr(operator, _name), _text))
for _name, _text in _REFLECTED.items():
    setattr(Watched, f"__r{_name}__", _derivation(_reflected(getattr(operator, _name)), _text))
for _name, _compute in _PAIRS.items():
    setattr(Watched, f"__{_name}__", _use(_compute))
    setattr(Watched, f"__r{_name}__", _use(_reflected(_compute)))
for _name, _compute in _SINGLE.items():
    setattr(Watched, f"__{_name}__", _use(_compute))


class Recording:
    """In the place of a `Progress`: what it was asked, which numbers it gave, and whether its value was used.

    numbers: tensors to give, for a step that is captured; each is filled before a replay. Without them each number is a
    new tensor.
    """

    def __init__(self, progress: Progress, device: torch.device, numbers: Sequence[Tensor] | None = None) -> None:
        self.progress, self._device, self._given = progress, device, numbers
        self.asked: list[tuple[Question, Hashable]] = []
        self.numbers: list[Callable[[Progress], float]] = []
        self.used = ""  # of the values, the first that was computed with
        self.step = Watched(self, lambda p: p.step, "step")
        self.kimg = Watched(self, lambda p: p.kimg, "kimg")
        self.share = Watched(self, lambda p: p.share, "share")
        self.total_kimg = progress.total_kimg  # no step changes it

    def ask(self, question: Question) -> Any:
        answer = question.of(self.progress)
        self.asked.append((question, answer))
        return answer

    def use(self, about: str) -> None:
        self.used = self.used or about

    def number(self, of: Callable[[Progress], float]) -> Tensor:
        """A 0-d float32 tensor of of(progress)."""
        self.numbers.append(of)
        if self._given is not None:
            return self._given[len(self.numbers) - 1]
        return torch.full((), of(self.progress), dtype=torch.float32, device=self._device)

    def choice(self, of: Callable[[Progress], Choice]) -> Choice:
        """of(progress), as one more question."""
        found: Choice = self.ask(Question(of.__qualname__, of))
        return found


@dataclass(eq=False)
class Kind:
    """Steps of one kind: what was asked and answered, and their graph once there is one."""

    asked: tuple[tuple[str, Hashable], ...]
    of: list[Callable[[Progress], float]]  # the numbers that a step takes
    reason: str = ""  # why such a step stays eager, if it does
    numbers: list[Tensor] = field(default_factory=list)  # where the graph finds them
    replay: Callable[[], None] | None = None
    taken: Any = None  # what the captured step did, and where its losses are
    verified: int = 0  # replays that were compared with an eager step

    def fill(self, progress: Progress) -> None:
        """Put the numbers of a step where its graph finds them."""
        for tensor, of in zip(self.numbers, self.of, strict=True):
            tensor.fill_(of(progress))


@dataclass(eq=False)
class _Node:
    question: Question
    answers: dict[Hashable, "_Node | Kind"]


class Tree:
    """The kinds found so far. `find` asks the questions that the model asked."""

    def __init__(self) -> None:
        self._root: _Node | Kind | None = None
        self.kinds: list[Kind] = []

    def find(self, progress: Progress) -> Kind | None:
        """The kind of this step; None if no step like it was seen."""
        at = self._root
        while isinstance(at, _Node):
            at = at.answers.get(at.question.of(progress))
        return at

    def add(self, recording: Recording) -> Kind:
        """The new kind of a step that `find` did not know. Raises UnsteadyError."""
        kind = Kind(tuple((q.about, answer) for q, answer in recording.asked), recording.numbers)
        put: Callable[[_Node | Kind], None] = self._start
        at = self._root
        for question, answer in recording.asked:
            if at is None:
                at = _Node(question, {})
                put(at)
            if not isinstance(at, _Node) or at.question.about != question.about:
                raise UnsteadyError(question.about)
            put = _place(at, answer)
            at = at.answers.get(answer)
        if at is not None:
            raise UnsteadyError("nothing more")
        put(kind)
        self.kinds.append(kind)
        return kind

    def _start(self, root: _Node | Kind) -> None:
        self._root = root


def _place(node: _Node, answer: Hashable) -> Callable[[_Node | Kind], None]:
    def put(found: _Node | Kind) -> None:
        node.answers[answer] = found

    return put
