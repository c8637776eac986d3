"""What changes along a training by its plan; lengths are in thousands of images."""

import math

from paragone.models.base import Plan


def learning_rate_scale(plan: Plan, kimg: float) -> float:
    """The factor on every learning rate after `kimg` thousand images: linear warm-up, then the plan's decay to 0 and
    its drops."""
    warm = min(1.0, (kimg + plan.batch / 1000) / plan.warmup_kimg) if plan.warmup_kimg else 1.0
    done = min(1.0, kimg / plan.kimg) if plan.kimg else 0.0
    decayed = {
        "none": 1.0,
        "linear": 1 - done,
        "constant-linear": min(1.0, 2 - 2 * done),
        "cosine": (1 + math.cos(math.pi * done)) / 2,
    }
    return warm * decayed[plan.decay] * plan.drop ** sum(share <= done for share in plan.drops)


def ema_decay(plan: Plan, kimg: float) -> float:
    """The EMA's decay for one step: half-life plan.ema_kimg, shorter while few images were seen (StyleGAN2-ADA's
    ramp-up: at most 5 % of the images so far), so that early weights do not linger."""
    half_life = min(plan.ema_kimg, 0.05 * kimg)
    return 0.5 ** (plan.batch / 1000 / max(half_life, 1e-8))


def passed(before: float, now: float, every: float) -> bool:
    """Whether a multiple of `every` lies in (before, now]; rounding must not shift one."""
    return int(now / every + 1e-9) > int(before / every + 1e-9)
