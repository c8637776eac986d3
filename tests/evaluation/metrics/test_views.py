"""Every metric's file keeps the contract of paragone.evaluation.metrics.base."""

import typing

import pytest
import torch

from paragone.evaluation.metrics import base, kid, prdc
from paragone.project import registry

VIEWS = set(typing.get_args(base.View))


@pytest.mark.parametrize("name", registry.names("metrics"))
def test_a_metric_says_what_it_needs_and_computes(name: str) -> None:
    module = registry.load("metrics", name)
    assert module.needs in VIEWS
    assert module.compute.__annotations__["view"] is module.needs
    assert module.__doc__
    assert module.compute.__doc__


def test_every_view_has_a_metric() -> None:
    assert {registry.load("metrics", name).needs for name in registry.names("metrics")} == VIEWS


def test_what_is_prepared_of_the_real_images_changes_no_figure() -> None:
    draw = torch.Generator().manual_seed(0)
    real, fake = torch.randn(80, 6, generator=draw), torch.randn(50, 6, generator=draw)
    view = base.Embedded(base.Statistics.of(real), real, fake)
    for metric in (kid, prdc):
        prepared = metric.prepare(real, len(fake))
        assert metric.compute(view._replace(prepared=prepared)) == metric.compute(view)
        wrong = {key: value * 2 for key, value in prepared.items()}
        assert metric.compute(view._replace(prepared=wrong)) != metric.compute(view)  # it is used
