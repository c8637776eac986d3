"""Training steps as graphs, by the stand-in that calls the recorded step again: the bits of eager steps, or eager."""

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer, RMSprop

from paragone.data.base import ImageSet
from paragone.engine.loop import Outcome, fit
from paragone.engine.recorders import Again
from paragone.engine.seeding import Stream, seed_all
from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update

PLAN = Plan(kimg=1.92, batch=32, ema_kimg=0.5, warmup_kimg=0.5, decay="cosine", clip_norm=1.0)  # 60 steps
Extra = Callable[["Toy", Progress], Any]


class Toy(Model):
    """A critic that steps twice for a generator's step, a lazy penalty on its gradient, a weight that rises, and state
    in buffers. What `extra` returns is added to the critic's loss."""

    title, paper, plan = "Toy", "none", Plan(kimg=1)

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def __init__(self, cfg: Config, spec: Spec, **parents: Model) -> None:
        super().__init__(**parents)
        self.generator_net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.SiLU(), nn.Linear(8, 64))
        self.critic = nn.Sequential(nn.Linear(64, 8), nn.SiLU(), nn.Dropout(0.1), nn.Linear(8, 1))
        self.register_buffer("seen", torch.zeros(()))
        self.seen_in_python = 0
        self.kept = torch.zeros(())
        self.queue = deque([0], 3)
        self.made: Tensor | None = None
        self.extra: Extra = lambda toy, progress: 0.0

    def optimizers(self) -> dict[str, Optimizer]:
        return {
            "critic": Adam(self.critic.parameters(), 1e-3, fused=True),
            "generator": RMSprop(self.generator_net.parameters(), 1e-3, foreach=True),
            "first": SGD([self.generator_net[0].bias], 1e-3),
        }

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x = batch["image"].flatten(1)[:, ::16]  # (B,64)
        if progress.step == 0:
            yield Update("first", self.draw(len(x)).square().mean())
        rising = progress.number(lambda now: now.share)
        loss = self.score(self.draw(len(x)).detach()).mean() - self.score(x).mean()
        yield Update("critic", loss + rising * self.score(x).square().mean() + self.extra(self, progress), drawn=len(x))
        self.seen += 1
        if progress.step % 4 == 1:
            x = x.clone().requires_grad_()
            (slope,) = torch.autograd.grad(self.score(x).sum(), x, create_graph=True)
            yield Update("critic", slope.square().sum(1).mean(), {"slope": slope.detach().norm()})
        if (progress.step + 1) % 2 == 0:
            late = progress.choice(lambda now: now.share > 0.5)
            yield Update("generator", -self.score(self.draw(len(x))).mean() * (2 if late else 1), drawn=len(x))

    def draw(self, n: int) -> Tensor:
        found: Tensor = self.generator_net(torch.randn(n, 4))
        return found.float()

    def score(self, x: Tensor) -> Tensor:
        found: Tensor = self.critic(x)
        return found.float()

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        return self.draw(n).view(n, 1, 8, 8).tanh()


def train(
    data: ImageSet,
    folder: Path,
    graphs: bool,
    extra: Extra | None = None,
    plan: Plan = PLAN,
    stop_at: int = 10**9,
) -> Outcome:
    seed_all(3, Stream.INIT)
    random.seed(0)
    toy = Toy(Toy.Config(), data.spec)
    toy.extra = extra or toy.extra
    recorder = Again() if graphs else None
    stop = lambda step: step >= stop_at  # noqa: E731
    return fit(toy, data, plan, seed=3, folder=folder, progress=False, stop=stop, recorder=recorder)


def bits(outcome: Outcome) -> dict[str, bytes]:
    return {k: v.contiguous().view(-1).numpy().tobytes() for k, v in outcome.model.state_dict().items()}


@pytest.fixture(scope="module")
def eager(blobs, tmp_path_factory) -> Outcome:
    return train(blobs, tmp_path_factory.mktemp("eager"), graphs=False)


def test_a_graphed_training_has_the_bits_of_an_eager_one(blobs, tmp_path, eager):
    graphed = train(blobs, tmp_path, graphs=True)
    assert bits(graphed) == bits(eager)
    assert (graphed.curve, graphed.updates, graphed.drawn) == (eager.curve, eager.updates, eager.drawn)
    assert graphed.replayed > 25  # of 60 steps; three of each of eight kinds come first
    assert graphed.eager == ""


def test_a_graphed_training_resumes_to_the_same_bits(blobs, tmp_path, eager):
    cut = train(blobs, tmp_path, graphs=True, stop_at=31)
    assert (cut.steps, cut.replayed > 5) == (31, True)
    resumed = train(blobs, tmp_path, graphs=True)
    assert bits(resumed) == bits(eager)
    assert (resumed.curve, resumed.updates, resumed.drawn) == (eager.curve, eager.updates, eager.drawn)
    assert resumed.replayed > cut.replayed


def test_a_graphed_training_diverges_where_the_eager_one_does(blobs, tmp_path):
    burst = lambda toy, progress: torch.where(toy.seen > 40, torch.nan, 0.0)  # noqa: E731
    outcomes = [train(blobs, tmp_path / str(graphs), graphs, burst) for graphs in (False, True)]
    assert outcomes[1].outcome == "diverged"
    assert outcomes[0].reason == outcomes[1].reason
    assert outcomes[1].steps == outcomes[0].steps
    assert outcomes[1].replayed > 10


def _value(toy: Toy, progress: Progress) -> Any:
    return 0.1 * progress.share


def _value_where_a_tensor_is_needed(toy: Toy, progress: Progress) -> Any:
    return torch.full((), progress.kimg)


def _count(toy: Toy, progress: Progress) -> Any:
    toy.seen_in_python += 1
    return 0.1 * (toy.seen_in_python > 50)


def _tensor(toy: Toy, progress: Progress) -> Any:
    toy.kept += 1
    return toy.kept * 0.01


def _replaced(toy: Toy, progress: Progress) -> Any:
    toy.seen = toy.seen.clone()
    return 0.0


def _read(toy: Toy, progress: Progress) -> Any:
    return 0.1 * toy.seen.item()


def _mask(toy: Toy, progress: Progress) -> Any:
    x = toy.critic[0].bias
    return x[x > 0].sum() * 0.01


def _queue(toy: Toy, progress: Progress) -> Any:
    toy.queue.append(toy.queue[-1] + 1)
    return 0.0


def _outside(toy: Toy, progress: Progress, count: list[int] = [0]) -> Any:  # noqa: B006
    count[0] += 1
    return 0.01 * count[0]


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        (_value, "the model computes with `progress.share`"),
        (_value_where_a_tensor_is_needed, "the model computes with its progress"),
        (_count, "the model keeps state in `seen_in_python`"),
        (_tensor, "the model keeps state in `kept in place`"),
        (_queue, "the model keeps state in `queue"),
        (_replaced, "a step puts another tensor in the place of buffer.seen"),
        (_read, "a step waits for the device (_local_scalar_dense"),
        (_mask, "a step waits for the device (index"),
        (_outside, "a replay gives other bits than the eager step"),
    ],
)
def test_what_a_graph_would_freeze_stays_eager_and_is_named(blobs, tmp_path, extra, reason):
    graphed = train(blobs, tmp_path / "graphs", True, extra)
    assert reason in graphed.eager
    assert (graphed.steps, graphed.replayed) == (60, 0)
    if extra is not _outside:  # which counts on from one training to the next
        assert bits(graphed) == bits(train(blobs, tmp_path / "eager", False, extra))


def test_what_is_made_once_is_no_state(blobs, tmp_path):
    def once(toy: Toy, progress: Progress) -> Any:
        toy.made = torch.ones(()) * 0.1 if toy.made is None else toy.made
        return toy.made * toy.critic[0].bias.sum()

    graphed = train(blobs, tmp_path / "graphs", True, once)
    assert graphed.replayed > 25
    assert bits(graphed) == bits(train(blobs, tmp_path / "eager", False, once))


def test_eager_steps_that_differ_in_their_last_bits_are_measure_enough(blobs, tmp_path):
    def noise(toy: Toy, progress: Progress) -> Any:
        return toy.critic[0].bias.sum() * (1e-6 * random.random())

    assert train(blobs, tmp_path, True, noise).replayed > 0


@pytest.mark.parametrize(
    ("plan", "graphs", "sentence"),
    [
        (replace(PLAN, graphs="always"), False, "there is no GPU"),
        (replace(PLAN, graphs="always"), True, "computes with `progress.share`"),
    ],
)
def test_graphs_asked_of_a_row_that_must_stay_eager_are_refused_in_one_sentence(
    blobs, tmp_path, plan, graphs, sentence
):
    with pytest.raises(
        ValueError, match=r"plan\.graphs is always, and Toy must train eagerly: .*; set .* to auto"
    ) as refused:
        train(blobs, tmp_path, graphs, _value, plan)
    assert sentence in str(refused.value)


def test_a_plan_can_leave_graphs_out(blobs, tmp_path, eager):
    found = train(blobs, tmp_path, True, plan=replace(PLAN, graphs="never"))
    assert (found.replayed, found.eager) == (0, "the plan says so")
    assert bits(found) == bits(eager)
    assert eager.eager == "there is no GPU"


def test_graphs_and_bfloat16_agree(blobs, tmp_path):
    outcomes = [
        train(blobs, tmp_path / str(g), g, plan=replace(PLAN, precision="bf16", kimg=0.96)) for g in (False, True)
    ]
    assert bits(outcomes[0]) == bits(outcomes[1])
    assert outcomes[1].replayed > 5
