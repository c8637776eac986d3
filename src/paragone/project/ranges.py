"""The ranges of the numbers that a row gives, checked before any work starts.

`project.params` checks types, and a model's Config what is special to it. Here stands what holds of every model and
plan: a number is no yes or no, and finite; sizes and counts are at least 1; learning rates are above 0; nothing else is
negative but LSGAN's targets and angles; momenta and dropout stay below 1.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any

from paragone.project import paths, registry
from paragone.project.params import Params, ParamsError

MAY_BE_ZERO = {"noise", "continuous", "levels", "attention"}  # counts of which a model can do without any
ANY_SIGN = {"a", "b", "c", "p_mean", "azimuth", "elevation"}  # LSGAN's targets; the mean of EDM's ln sigma; angles
BELOW_ONE = {"momentum", "adversary_momentum", "beta1", "beta2", "dropout", "dropout_input"}


def check(params: Params, profile: str, row: str) -> None:
    """Raise ParamsError for the first number of a row's plan or config that is out of its range."""
    from paragone.models.base import Plan

    entry, where = params.entry(profile, row), f"{paths.profile(profile)}: models.{row}"
    config = registry.model_class(params.model(profile, row)).Config
    check_values(entry.plan, Plan, f"{where}.plan")
    check_values(entry.config, config, f"{where}.config")
    here = params.get_profile(profile).datasets
    for dataset, override in entry.overrides.items():
        if dataset in here:  # whose types are checked
            check_values(override.plan, Plan, f"{where}.overrides.{dataset}.plan")
            check_values(override.config, config, f"{where}.overrides.{dataset}.config")


def check_values(given: Mapping[str, Any], cls: type, where: str) -> None:
    """Raise ParamsError for a value of a dataclass's field that is out of its range."""
    defaults = {field.name: field.default for field in fields(cls)}
    for name, value in given.items():
        default = 0.0 if defaults[name] in (MISSING, None) else defaults[name]  # a plan's length has none
        for usual, part in _numbers(default, value):
            if problem := _problem(name, usual, part):
                raise ParamsError(f"{where}.{name}: is {value!r}; {problem}")


def _numbers(default: Any, value: Any) -> Iterator[tuple[Any, Any]]:
    """A default and a value, or those of each entry of a list, where the default is a number."""
    if isinstance(default, tuple) and default and isinstance(value, list | tuple):
        for part in value:
            yield from _numbers(default[0], part)
    elif isinstance(default, int | float) and not isinstance(default, bool) and value is not None:
        yield default, value


def _problem(name: str, default: float, value: Any) -> str:
    """What is wrong with a value whose default is an integer (a size or a count) or not; empty if nothing is."""
    if isinstance(value, bool):
        return "give a number"
    if isinstance(value, int) and value >= 2**63:
        return "it must be below 2^63"
    number = float(value)
    if not math.isfinite(number):
        return "give a finite number"
    if isinstance(default, int) and default > 0 and name not in MAY_BE_ZERO:
        return "" if number >= 1 else "it must be at least 1"
    if name == "lr" or name.endswith("_lr"):
        return "" if number > 0 else "it must be above 0"
    if number < 0 and name not in ANY_SIGN:
        return "it must not be negative"
    return "it must be below 1" if name in BELOW_ONE and number >= 1 else ""
