"""Schedules: learning rates, and the half-life of averaged weights."""

from dataclasses import replace

import pytest

from paragone.engine.schedules import ema_decay, learning_rate_scale
from paragone.models.base import Plan


def test_learning_rates_follow_images_not_steps():
    plan = Plan(kimg=100, batch=100, warmup_kimg=10, decay="linear")
    assert learning_rate_scale(plan, 0) == pytest.approx(0.01)
    assert learning_rate_scale(plan, 50) == pytest.approx(0.5)
    assert learning_rate_scale(plan, 100) == pytest.approx(0)
    assert learning_rate_scale(replace(plan, decay="cosine"), 50) == pytest.approx(0.5)
    assert learning_rate_scale(replace(plan, decay="none"), 100) == 1
    stepped = Plan(kimg=500, batch=100, drops=(0.4, 0.7), drop=0.5)
    assert [learning_rate_scale(stepped, kimg) for kimg in (0, 199.9, 200, 349.9, 350, 500)] == [
        1,
        1,
        0.5,
        0.5,
        0.25,
        0.25,
    ]


def test_the_half_life_of_the_average_is_in_images():
    plan = Plan(kimg=1000, batch=100, ema_kimg=10)
    assert ema_decay(plan, 1000) ** (10_000 / 100) == pytest.approx(0.5)
    assert ema_decay(plan, 0.1) < 0.1  # early on the average follows the weights
