"""A row that does not fit into a GPU's memory: what is said, and which batch fits."""

import gc
from collections.abc import Callable
from dataclasses import replace

import torch

from paragone.engine import hardware
from paragone.models.base import Model, Plan


def too_little(model: Model, plan: Plan, device: torch.device, attempt: Callable[[Plan], None]) -> str:
    """One sentence, with the largest half, quarter ... of the plan's batch for which `attempt`, a step of the plan,
    does not run out of memory."""
    clean(device)
    card = hardware.device_name(device)
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        card += f", of whose {total / 1e9:.0f} GB {free / 1e9:.1f} are free"
    said = f"{model.title} with a batch of {plan.batch} does not fit into the memory of {card}"
    batch = plan.batch // 2
    while batch:
        if _fits(replace(plan, batch=batch, compile=False), device, attempt):
            return f"{said}; a batch of {batch} does: set plan.batch, or take a card with more"
        batch //= 2
    return f"{said}, nor does a batch of one image; give it a smaller network, or take a card with more"


def _fits(plan: Plan, device: torch.device, attempt: Callable[[Plan], None]) -> bool:
    try:
        attempt(plan)
    except torch.OutOfMemoryError:
        return False
    finally:
        clean(device)
    return True


def clean(device: torch.device) -> None:
    """Give back what nothing uses."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
