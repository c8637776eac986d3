"""searches/NAME.yaml: a random search (Bergstra and Bengio 2012; for GANs Lucic et al. 2018) of rows of one profile.

Every row gets the same number of configurations, drawn over the ranges that the file states, at the same budget and
with the same seed. A key is one of the model's Config, or `plan.KEY`:

    lr: [1.0e-4, 5.0e-3, log]              evenly on a logarithmic scale; without `log`, evenly
    hidden: [64, 512]                      whole numbers where the key takes those
    optimizer: {one_of: [adam, rmsprop]}   any of these

Configuration 0 is the profile's own. What is drawn for a key follows from seed, row, number and key alone, so a range
more or less moves no other draw.
"""

import math
import random
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from paragone.project import profiles, ranges, registry, suggest
from paragone.project.params import Name, Params, ParamsError, checked

if TYPE_CHECKING:  # torch is slow to import
    from paragone.models.base import Plan

Drawn = dict[str, Any]  # key: value


class Search(BaseModel):
    """What is searched, and by what the best is chosen."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    profile: Name
    dataset: Name
    configurations: Annotated[int, Field(ge=1, le=10_000)]  # drawn for each row
    kimg: Annotated[float, Field(gt=0, allow_inf_nan=False)]  # of each training
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    held_out: Annotated[
        int, Field(ge=16)
    ]  # training images that no model of the search sees: what samples are scored by
    samples: Annotated[int, Field(ge=16)]  # drawn from each configuration
    space: str  # of the score: a feature space without labels
    rows: Annotated[dict[Name, dict[str, Any]], Field(min_length=1)]  # key: range


class Range(NamedTuple):
    """The values that a key may take."""

    values: tuple[Any, ...]  # two ends, or the choices
    kind: str  # "even", "log" or "one_of"
    whole: bool = False

    def draw(self, source: random.Random) -> Any:
        """One of them."""
        if self.kind == "one_of":
            return source.choice(self.values)
        low, high = self.values
        if self.whole and self.kind == "even":
            return source.randint(low, high)
        value = low + (high - low) * source.random()
        if self.kind == "log":
            value = math.exp(math.log(low) + (math.log(high) - math.log(low)) * source.random())
        return min(high, max(low, round(value))) if self.whole else float(f"{value:.3g}")


def path(name: str) -> Path:
    """The file of a search."""
    return Path("searches") / f"{name}.yaml"


def outcome(name: str) -> Path:
    """Where its outcome goes: a file of the repository."""
    return Path("docs/search") / f"{name}.csv"


def read(root: Path, name: str) -> Search:
    """A search's file, types checked. Raises ParamsError."""
    file = path(name)
    if not (root / file).is_file():
        known = sorted(f.stem for f in (root / file.parent).glob("*.yaml"))
        raise ParamsError(f"{file}: there is no search '{name}'; {suggest.hint(name, known)}")
    return checked(Search, profiles.read(root, file), str(file))


def check(params: Params, name: str, search: Search) -> dict[str, dict[str, Range]]:
    """The ranges of each row, by key. Raises ParamsError for the first thing that cannot be searched."""
    file, profile = path(name), params.get_profile(search.profile)
    if search.dataset not in profile.datasets:
        hint = suggest.hint(search.dataset, profile.datasets)
        raise ParamsError(f"{file}: dataset: profile '{search.profile}' has no data set '{search.dataset}'; {hint}")
    if search.space not in registry.names("extractors"):
        hint = suggest.hint(search.space, registry.names("extractors"))
        raise ParamsError(f"{file}: space: no such space '{search.space}'; {hint}")
    if search.space == "classifier":
        raise ParamsError(f"{file}: space: is 'classifier', which learned from the held-out images; choose another")
    return {row: _row(params, search, row, f"{file}: rows.{row}") for row in search.rows}


def _row(params: Params, search: Search, row: str, where: str) -> dict[str, Range]:
    profile = params.get_profile(search.profile)
    if row not in profile.rows(search.dataset):
        hint = suggest.hint(row, profile.rows(search.dataset))
        raise ParamsError(f"{where}: no such row of profile '{search.profile}' on '{search.dataset}'; {hint}")
    if params.entry(search.profile, row).parents or params.entry(search.profile, row).guest:
        raise ParamsError(f"{where}: starts from another model; search that one, and leave this row out")
    if not search.rows[row]:
        raise ParamsError(f"{where}: has no range; give one of each key to search, or leave this row out")
    found = {key: _range(given, f"{where}.{key}") for key, given in search.rows[row].items()}
    for key, of in found.items():
        found[key] = of._replace(whole=_fits(params.model(search.profile, row), key, of, where))
    return found


def _range(given: Any, where: str) -> Range:
    """A range as it was written. Raises ParamsError."""
    if isinstance(given, dict) and set(given) == {"one_of"} and isinstance(given["one_of"], list) and given["one_of"]:
        return Range(tuple(given["one_of"]), "one_of")
    numbers = given[:2] if isinstance(given, list) else []
    kind = {2: "even", 3: "log"}.get(len(given) if isinstance(given, list) else 0)
    if kind is None or (kind == "log" and given[2] != "log") or any(type(v) not in (int, float) for v in numbers):
        raise ParamsError(f"{where}: is {given!r}; write [low, high], [low, high, log] or {{one_of: [...]}}")
    low, high = numbers
    if not (math.isfinite(low) and math.isfinite(high)) or low >= high:
        raise ParamsError(f"{where}: goes from {low} to {high}; write the smaller end first")
    if kind == "log" and low <= 0:
        raise ParamsError(f"{where}: goes from {low} on a logarithmic scale; begin above 0")
    return Range((low, high), kind)


def _fits(model: str, key: str, of: Range, where: str) -> bool:
    """Whether the key takes whole numbers. Raises ParamsError for a key that the model does not have, and for a range
    off its type or beyond what it can take."""
    from paragone.models.base import Plan

    part, _, name = key.rpartition(".")
    if part not in ("", "plan"):
        raise ParamsError(f"{where}.{key}: no such key; give one of the model's Config, or plan.KEY")
    cls = Plan if part else registry.model_class(model).Config
    known = {field.name: field for field in fields(cls)}
    if name not in known:
        raise ParamsError(f"{where}.{key}: no such key of {model}; {suggest.hint(name, known)}")
    if name == "kimg" and part:
        raise ParamsError(f"{where}.{key}: is the budget, which every configuration shares; leave it out")
    of_field: Any = known[name].type
    kind = of_field.__name__ if isinstance(of_field, type) else str(of_field).replace("typing.", "")
    if of.kind != "one_of" and not {"int", "float"} & set(kind.replace("|", " ").split()):
        raise ParamsError(f"{where}.{key}: is a range of numbers, and the key takes {kind}; write {{one_of: [...]}}")
    for value in of.values:
        given = {"kimg": 1.0, name: value} if part else {name: value}
        checked(cls, given, f"{where}{'.plan' if part else ''}")
        ranges.check_values({name: value}, cls, where)
    return "int" in kind.split() and "float" not in kind


def draw(search: Search, row: str, number: int, of: Mapping[str, Range]) -> Drawn:
    """What configuration `number` of a row changes; nothing for number 0, the profile's own."""
    if not number:
        return {}
    return {key: r.draw(random.Random(f"{search.seed}/{row}/{number}/{key}")) for key, r in of.items()}


def applied(params: Params, name: str, search: Search, row: str, drawn: Drawn) -> "tuple[Plan, dict[str, Any]]":
    """The plan, at the search's budget, and the config of a configuration. Raises ParamsError where its values, each
    possible alone, do not go together."""
    where = f"{path(name)}: rows.{row}"
    plan = params.plan(search.profile, search.dataset, row)
    changes = {key.removeprefix("plan."): value for key, value in drawn.items() if key.startswith("plan.")}
    config_values = {key: value for key, value in drawn.items() if not key.startswith("plan.")}
    config = {**params.config(search.profile, search.dataset, row), **config_values}
    checked(registry.model_class(params.model(search.profile, row)).Config, config, where)
    return replace(plan, **changes, kimg=search.kimg), config
