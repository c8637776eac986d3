"""How a training takes a step: update by update, each by its optimiser at the plan's learning rate."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch.optim import Optimizer

from paragone.engine import distributed
from paragone.engine.distributed import World
from paragone.engine.schedules import learning_rate_scale
from paragone.models.base import Plan, Update


class Stepper:
    """The optimisers of a training, as its plan has them step."""

    def __init__(
        self, optimizers: Mapping[str, Optimizer], plan: Plan, precision: str, device: torch.device, world: World
    ) -> None:
        self.optimizers, self.plan, self.precision = optimizers, plan, precision
        self.device, self.world = device, world
        self.lr = {k: [g["lr"] for g in o.param_groups] for k, o in optimizers.items()}
        self.scale: float | None = None  # of the learning rates, as it was last set

    def scale_learning_rates(self, kimg: float) -> None:
        """Set the learning rates of the step after `kimg` thousand images."""
        scale = learning_rate_scale(self.plan, kimg)
        if scale == self.scale:
            return
        self.scale = scale
        for name, optimizer in self.optimizers.items():
            for group, lr in zip(optimizer.param_groups, self.lr[name], strict=True):
                if isinstance(group["lr"], Tensor):  # where the graphs read it
                    group["lr"].fill_(lr * scale)
                else:
                    group["lr"] = lr * scale

    def noise(self) -> AbstractContextManager[object]:
        """Inside, random draws are this process's share of the global batch's."""
        return distributed.GlobalNoise(self.world, self.plan.batch) if self.world.size > 1 else nullcontext()

    def next(self, updates: Iterator[Update]) -> Update | None:
        """What the model does up to its next update; None if there is none."""
        # one autocast region an update: a weight cast inside it is stale once that weight was stepped
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"), self.noise():
            return next(updates, None)

    def apply(self, update: Update) -> dict[str, Tensor]:
        """Step its optimiser; what is logged of it, 0-d each."""
        optimizer = self.optimizers[update.optimizer]
        params = [p for group in optimizer.param_groups for p in group["params"]]
        optimizer.zero_grad()
        update.loss.backward(inputs=params)  # nothing leaks into the other networks
        distributed.average_gradients(params, self.world)
        grads = [p.grad for p in params if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(grads)
        if self.plan.clip_norm:
            torch.nn.utils.clip_grads_with_norm_(params, self.plan.clip_norm, norm)
        optimizer.step()
        logs = {f"loss/{update.optimizer}": update.loss, f"grad/{update.optimizer}": norm, **update.logs}
        return {key: value.detach().float() for key, value in logs.items()}
