"""Training steps as CUDA graphs: each kind of step is recorded once, verified bit for bit, and then replayed.

A kind's first step is eager. In its second and third, the step is taken eagerly, undone, replayed, and all bits of
weights, buffers, optimisers' state and losses are compared: the third tells what the second's recording has frozen.
Where anything stands in the way, steps of that kind stay eager, and `reason` says why.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.optim import Optimizer

from paragone.engine.kinds import Kind, Recording, Tree, UnsteadyError
from paragone.engine.recorders import Recorder, Taken
from paragone.engine.snapshot import Snapshot, changed, python_state, same_bits
from paragone.models.base import Model, Progress

KINDS = 16  # graphs of one training, at most: each keeps the memory of its step
VERIFIED = 2  # replays that are compared with eager steps

Run = Callable[[Progress], Taken]


class Graphs:
    """The graphs of one training.

    run: takes the step of a progress, on tensors that stay where they are. seed: seeds the random numbers of a step.
    insist: raise ValueError where a step must stay eager.
    """

    def __init__(
        self,
        recorder: Recorder,
        model: Model,
        optimizers: Mapping[str, Optimizer],
        device: torch.device,
        run: Run,
        seed: Callable[[int], None],
        insist: bool = False,
    ) -> None:
        self._recorder, self._model, self._optimizers, self._device = recorder, model, optimizers, device
        self._run, self._seed, self._insist = run, seed, insist
        self._unready = {name: why for name, o in optimizers.items() if (why := recorder.prepare(o))}
        self._tree = Tree()
        self._broken = ""  # why no step is recorded or replayed any more
        self._plain = False  # whether the model is given its progress itself
        self.replayed = 0  # steps
        self.exact = True  # whether every verified replay had the bits of the eager step

    @property
    def reason(self) -> str:
        """Why steps stay eager, all of them or those of some kinds; empty if none do."""
        reasons = [self._broken, *(kind.reason for kind in self._tree.kinds)]
        return "; ".join(dict.fromkeys(why for why in reasons if why))

    @property
    def kinds(self) -> int:
        return len(self._tree.kinds)

    def step(self, progress: Progress) -> Taken:
        """Take one step, replayed if it can be."""
        if self._broken:
            return self._eager(progress)
        kind = self._tree.find(progress)
        if kind is None:
            return self._explore(progress)
        if kind.reason:
            return self._eager(progress)
        if kind.verified < VERIFIED:
            return self._verify(kind, progress)
        self.replayed += 1
        return self._replay(kind, progress)

    def _eager(self, progress: Progress, asked: Recording | None = None) -> Taken:
        # numbers are tensors in eager steps too: a resumed training, whose eager steps are others, has equal bits
        self._seed(progress.step)
        watched: Any = progress if self._plain else asked or Recording(progress, self._device)
        return self._run(watched)

    def _explore(self, progress: Progress) -> Taken:
        """The first step of a kind."""
        before, asked = self._snapshot(), Recording(progress, self._device)
        if before is None:
            return self._eager(progress)
        try:
            taken = self._eager(progress, asked)
        except (TypeError, ValueError, AttributeError) as error:  # what a function makes of a number that is none
            before.restore()
            self._plain = True
            self._break(f"the model computes with its progress ({_one_line(error)})")
            return self._eager(progress)
        try:
            kind = self._tree.add(asked)
        except UnsteadyError as error:
            self._break(f"something besides its progress decides what the model computes (where it asks {error})")
            return taken
        unready = [f"{self._unready[name]} ('{name}')" for name in taken.updates if name in self._unready]
        if asked.used:
            self._refuse(kind, f"the model computes with `progress.{asked.used}`")
        elif unready:
            self._refuse(kind, unready[0])
        elif self.kinds > KINDS:
            self._refuse(kind, f"there are more than {KINDS} kinds of steps")
        return taken

    def _verify(self, kind: Kind, progress: Progress) -> Taken:
        """The second or third step of a kind: eagerly, then as a graph, from the same state."""
        before, kept = self._snapshot(), python_state(self._model)
        if before is None:
            return self._eager(progress)
        try:
            with self._recorder.strict():
                taken = self._eager(progress)
        except RuntimeError as error:
            before.restore()
            self._refuse(kind, f"a step waits for the device ({_one_line(error)})")
            return self._eager(progress)
        if moved := before.moved():
            self._refuse(kind, f"a step puts another tensor in the place of {moved}")
            return taken
        if name := changed(kept, python_state(self._model)):
            self._refuse(kind, f"the model keeps state in `{name}`, which is no buffer")
            return taken
        after = self._snapshot()
        if after is None:
            return taken
        before.restore()
        if kind.replay is None and not self._captured(kind, progress, before):
            after.restore()
            return taken
        replayed = self._replay(kind, progress)
        wrong = after.differs() or ("" if same_bits(taken.values, replayed.values) else "the losses")
        if wrong and not self._as_near_as_eager(before, after, progress):
            after.restore()
            self._refuse(kind, f"a replay gives other bits than the eager step, in {wrong}")
            return taken
        kind.verified += 1
        return replayed

    def _snapshot(self) -> Snapshot | None:
        """The state as it is; None where there is no memory to keep it, and so none to verify a graph."""
        try:
            return Snapshot(self._model, self._optimizers)
        except torch.OutOfMemoryError:
            self._break("weights and optimisers' state do not fit into the GPU's memory three times, to verify a graph")
            return None

    def _captured(self, kind: Kind, progress: Progress, before: Snapshot) -> bool:
        """Record the graph of a kind; the state stays as it is."""
        kind.numbers = [torch.zeros((), device=self._device) for _ in kind.of]
        kind.fill(progress)
        made: list[Recording] = []

        def step() -> Taken:
            made.append(Recording(progress, self._device, kind.numbers))
            return self._run(made[-1])  # type: ignore[arg-type]

        self._seed(progress.step)
        try:
            kind.replay, kind.taken = self._recorder.capture(step)
        except RuntimeError as error:  # a capture that failed leaves the device's generator and pool undefined
            before.restore()
            self._break(f"a step could not be recorded ({_one_line(error)})")
            return False
        before.restore()
        if tuple((question.about, answer) for question, answer in made[0].asked) != kind.asked:
            self._refuse(kind, "something besides its progress decides what the model computes")
            return False
        return True

    def _replay(self, kind: Kind, progress: Progress) -> Taken:
        kind.fill(progress)
        self._seed(progress.step)
        assert kind.replay is not None
        kind.replay()
        taken: Taken = kind.taken
        return taken.keep()

    def _as_near_as_eager(self, before: Snapshot, after: Snapshot, progress: Progress) -> bool:
        """Whether two eager steps differ as well, by half as much as the replay or more: kernels that add in no fixed
        order. The state is that of the replay, then and now."""
        replayed = Snapshot(self._model, self._optimizers)
        before.restore()
        self._eager(progress)
        noise = after.distance(Snapshot(self._model, self._optimizers))
        replayed.restore()
        near = noise > 0 and after.distance(replayed) <= 2 * noise
        self.exact = self.exact and not near
        return near

    def _refuse(self, kind: Kind, reason: str) -> None:
        kind.reason = reason
        self._complain(reason)

    def _break(self, reason: str) -> None:
        self._broken = reason
        self._complain(reason)

    def _complain(self, reason: str) -> None:
        if self._insist:
            raise ValueError(always(self._model.title, reason))


def always(title: str, reason: str) -> str:
    """What is said where graphs are asked of a row that must train without them."""
    return f"plan.graphs is always, and {title} must train eagerly: {reason}; set plan.graphs to auto"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
