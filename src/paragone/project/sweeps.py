"""`sweep:` of a row: one row for each value of a key, or for each name and what is changed under it.

    sweep: {lr: [0.1, 0.01]}                     rows <row>-lr-0_1 and <row>-lr-0_01; of several keys, every combination
    sweep: {slow: {lr: 0.01}, fast: {lr: 1.0}}   rows of these names; `title` may be among the keys

A key is one of the model's Config, or `plan.KEY`. In the title, `{lr}` stands for the value.
"""

from collections.abc import Mapping
from copy import deepcopy
from itertools import product
from typing import Any

Row = dict[str, Any]


def expand(name: str, row: Row) -> dict[str, Row]:
    """The rows that a row with a `sweep` stands for, by name. Raises ValueError, which names the key below the row."""
    sweep = row["sweep"]
    kinds = {type(values) for values in sweep.values()} if isinstance(sweep, Mapping) else set()
    if kinds == {list}:
        changes = _combinations(name, sweep)
    elif kinds == {dict}:
        changes = dict(sweep)
    else:
        raise ValueError(
            "sweep: give each key a list of values, as {lr: [0.1, 0.01]}, "
            f"or each row a mapping of keys, as {{slow: {{lr: 0.01}}}}; it is {sweep!r}"
        )
    base = {key: value for key, value in row.items() if key != "sweep"}
    return {new: _changed(name, new, base, change) for new, change in changes.items()}


def _combinations(name: str, sweep: Mapping[str, list[Any]]) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for values in product(*sweep.values()):
        change = dict(zip(sweep, values, strict=True))
        new = "-".join([name, *(f"{_last(key)}-{_slug(value)}" for key, value in change.items())])
        if new in found:
            raise ValueError(
                f"sweep: {found[new]} and {change} would both be row '{new}'; name them: {{NAME: {{...}}}}"
            )
        found[new] = change
    if not found:
        raise ValueError(f"sweep: {dict(sweep)} names no value; give some, or remove the key")
    return found


def _changed(name: str, new: str, base: Row, change: Mapping[str, Any]) -> Row:
    """The row with the values of one change in place, and a title of its own."""
    row = deepcopy(base)
    if new != name:
        row.setdefault("model", name)
    for key, value in change.items():
        part, _, last = key.rpartition(".")
        if key == "title":
            row["title"] = value
        elif part in ("", "config", "plan"):
            row[part or "config"] = {**row.get(part or "config", {}), last: value}
        else:
            raise ValueError(f"sweep: '{key}' is no key of a row; give one of the model's Config, or plan.KEY")
    if "title" not in change:
        row["title"] = _title(str(row.get("title", "") or name), change)
    return row


def _title(title: str, change: Mapping[str, Any]) -> str:
    for key, value in change.items():
        place = f"{{{_last(key)}}}"
        shown = text(value)
        title = title.replace(place, shown) if place in title else f"{title}, {_last(key)} {shown}"
    return title


def text(value: Any) -> str:
    """A value for a title: a number in the shorter of its two notations, 4e-4 for 0.0004."""
    if isinstance(value, float):
        mantissa, _, exponent = f"{value:e}".partition("e")
        short = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
        return min(f"{value:g}", short, key=len)
    if isinstance(value, list):
        return "-".join(map(text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _slug(value: Any) -> str:
    """A value for the name of a row, which is a folder's name too."""
    return "".join(c if c.isalnum() or c in "_-" else "_" for c in text(value).lower())


def _last(key: str) -> str:
    return key.rpartition(".")[2]
