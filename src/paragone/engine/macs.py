"""Multiply-accumulates of training: counted on a few steps, for each optimiser's updates alone."""

from collections import Counter as Tally
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry, sdpa_backward_flop_count, sdpa_flop_count

from paragone.data.base import ImageSet
from paragone.engine.batches import Order, draw
from paragone.engine.seeding import Stream, seed_all
from paragone.models.base import Model, Plan, Progress, Update

WINDOW = 16  # steps that are counted: what comes every few steps (critics, penalties) comes in them


class Counter(TorchDispatchMode):
    """Adds up the operations, two a multiply-accumulate, of the matrix products, convolutions and attention that pass.

    PyTorch's own mode follows modules too, and stops at second gradients; it leaves out the CPU's attention.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made, packet = func(*args, **(kwargs or {})), func._overloadpacket
        aten = torch.ops.aten
        if packet is aten.convolution:
            self.flops += _convolution(made, args[0], args[1], transposed=args[6])
        elif packet is aten.convolution_backward:  # PyTorch's count of it knows no groups
            self.flops += sum(args[10][:2]) * _convolution(args[0], args[1], args[2], transposed=args[7])
        elif packet is aten._scaled_dot_product_flash_attention_for_cpu:
            self.flops += sdpa_flop_count(*(x.shape for x in args[:3]))
        elif packet is aten._scaled_dot_product_flash_attention_for_cpu_backward:
            self.flops += sdpa_backward_flop_count(*(x.shape for x in args[:4]))
        elif count_of := flop_registry.get(packet):
            self.flops += count_of(*args, **(kwargs or {}), out_val=made)
        return made


def _convolution(out: Tensor, x: Tensor, weight: Tensor, *, transposed: bool) -> int:
    """Operations of a convolution: each of a weight's entries meets each place of its channel once."""
    return 2 * (x if transposed else out).numel() * weight[0].numel()


class Counted(NamedTuple):
    """What the updates of one optimiser took in the steps that were counted."""

    updates: int
    macs: int


def of_updates(model: Model, data: ImageSet, plan: Plan, seed: int, last: int, precision: str) -> dict[str, Counted]:
    """What each optimiser's updates take, in the steps up to step `last` of a training (`WINDOW` of them, or fewer).

    A forward pass counts for the update that it is followed by. The model is of no use for anything else afterwards: it
    takes no step, and its weights stay those that it came with, on which the counts do not depend.
    """
    order, device = Order(len(data.images), plan.batch, seed), next(model.parameters()).device
    owned = {
        name: [p for group in optimizer.param_groups for p in group["params"]]
        for name, optimizer in model.optimizers().items()
    }
    counts, macs = Tally[str](), Tally[str]()
    for step in range(max(0, last - WINDOW), last):
        seed_all(seed, Stream.STEP, step)
        batch = draw(data, order(step), model.needs, device)
        updates = model.train().losses(batch, Progress(step, step * plan.batch / 1000, plan.kimg))
        with Counter() as counter:
            while (update := _next(updates, device, precision)) is not None:
                update.loss.backward(inputs=owned[update.optimizer])
                counts[update.optimizer] += 1
                macs[update.optimizer] += counter.flops // 2
                counter.flops = 0
    return {name: Counted(count, macs[name]) for name, count in counts.items()}


def _next(updates: Iterator[Update], device: torch.device, precision: str) -> Update | None:
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        return next(updates, None)
