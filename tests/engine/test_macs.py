"""Multiply-accumulates of training, against counts by hand."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import SGD, Optimizer

from paragone.data.base import ImageSet
from paragone.engine import macs
from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.project import registry

PIXELS, WIDE, BATCH = 32 * 32, 3, 4
PLAN = Plan(kimg=1.0, batch=BATCH)


class Pair(Model):
    """Two linear maps; the second is updated every third step."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(PIXELS, WIDE, bias=False), nn.Linear(PIXELS, 2 * WIDE, bias=False)

    def optimizers(self) -> dict[str, Optimizer]:
        return {"a": SGD(self.a.parameters(), 0.1), "b": SGD(self.b.parameters(), 0.1)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x = batch["image"].flatten(1)
        yield Update("a", self.a(x).float().square().mean())
        if progress.step % 3 == 0:
            yield Update("b", self.b(x).float().square().mean())


def test_each_optimisers_updates_are_counted_alone(blobs: ImageSet) -> None:
    model = Pair()
    before = model.a.weight.clone()
    found = macs.of_updates(model, blobs, PLAN, 0, 20, "fp32")
    one = 2 * BATCH * PIXELS * WIDE  # the product itself, and the gradient of its weight
    assert found == {"a": (16, 16 * one), "b": (5, 5 * 2 * one)}  # steps 4 to 19, of which 6, 9, 12, 15 and 18
    assert torch.equal(model.a.weight, before)
    assert macs.of_updates(model, blobs, PLAN, 0, 2, "bf16")["a"] == (2, 2 * one)


@pytest.mark.parametrize("transposed", [False, True])
def test_convolutions_and_their_second_gradients_are_counted(transposed: bool) -> None:
    x = torch.rand(2, 4, 8, 8, requires_grad=True)
    layer: Any = functional.conv_transpose2d if transposed else functional.conv2d
    weight = torch.rand(4, 6, 3, 3) if transposed else torch.rand(6, 4, 3, 3)
    weight.requires_grad_()
    with macs.Counter() as counter:
        made = layer(x, weight, padding=1)
    once = 2 * 4 * 6 * 9 * 64
    assert counter.flops == 2 * once
    with macs.Counter() as counter:
        (slope,) = torch.autograd.grad(made.square().sum(), x, create_graph=True)
    assert counter.flops == 2 * once
    with macs.Counter() as counter:
        slope.square().sum().backward()
    assert counter.flops >= 3 * 2 * once


def attended(q: Tensor) -> Tensor:
    return functional.scaled_dot_product_attention(q, q, q)


def test_attention_is_counted_on_a_cpu() -> None:
    q = torch.rand(1, 2, 16, 8, requires_grad=True)
    with macs.Counter() as counter:
        made = attended(q)
    assert counter.flops == 2 * 2 * (2 * 16 * 16 * 8)
    with macs.Counter() as counter:
        made.sum().backward()
    assert counter.flops == 2 * 5 * (2 * 16 * 16 * 8)


def test_a_penalty_every_few_steps_is_shared_out(blobs: ImageSet) -> None:
    config = {"width": 4, "n_critic": 2, "penalty_every": 4}
    model = registry.build_model("wgan_gp", Spec((1, 32, 32), 2), config)
    whole = macs.of_updates(model, blobs, PLAN, 0, 16, "fp32")
    first = macs.of_updates(model, blobs, PLAN, 0, 1, "fp32")  # its step has a penalty
    assert (whole["critic"].updates, whole["generator"].updates) == (16, 8)
    assert whole["critic"].macs / 16 < first["critic"].macs
