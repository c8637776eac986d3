"""Every metric's file keeps the contract of paragone.evaluation.metrics.base."""

import typing

import pytest

from paragone.evaluation.metrics import base
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
