"""profiles/NAME.yaml: a profile's file, with what it takes over from another one and its sweeps written out as rows.

`extends: NAME` takes another profile's content over: rows are merged by name, key by key; a row given as null is
dropped; every other key replaces the other profile's. `about` is never taken over. Nothing is imported to read them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from paragone.project import paths, suggest, sweeps
from paragone.project.params import ParamsError

Content = dict[str, Any]
MOST = 1_000_000  # values of a file: aliases of aliases of aliases unfold to any number


def names(root: Path) -> list[str]:
    """The profiles that there are, sorted."""
    return sorted(file.stem for file in (root / paths.profile("x").parent).glob("*.yaml"))


def resolve(root: Path, name: str) -> Content:
    """A profile with nothing left to take over or to write out, its values unchecked. Raises ParamsError."""
    return _resolve(root, name, [])


def files(root: Path, name: str) -> list[Path]:
    """The files that a profile is made of, relative to the root: its own, and those that it extends. Raises
    ParamsError."""
    content = _read(root, name)
    return [paths.profile(name), *(files(root, content["extends"]) if "extends" in content else [])]


def read(root: Path, file: Path) -> Content:
    """The keys and values of a YAML file. Raises ParamsError if there is none, or nothing in it."""
    try:
        content = yaml.load((root / file).read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError:
        raise ParamsError(f"{file}: not found in {root}; run from the project's folder") from None
    except yaml.YAMLError as error:
        raise ParamsError(f"{file}: not YAML: {' '.join(str(error).split())}") from None
    except ParamsError as error:
        raise ParamsError(f"{file}: {error}") from None
    except (ValueError, TypeError, RecursionError, AttributeError) as error:  # not UTF-8, a date that is none, depth
        raise ParamsError(f"{file}: not settings in YAML ({' '.join(str(error).split())}); correct it") from None
    if _parts(content) > MOST:
        raise ParamsError(f"{file}: unfolds to more than {MOST:,} values, by aliases of aliases; write them out")
    if content is None:
        raise ParamsError(f"{file}: is empty; write its keys, or remove the file")
    if not isinstance(content, dict):
        raise ParamsError(f"{file}: holds {type(content).__name__}, not keys with values; it is {content!r:.60}")
    return content


def _parts(content: Any) -> int:
    """How many values there are once aliases are unfolded, as far as it takes to see that they are too many."""
    found, left = 0, [content]
    while left and found <= MOST:
        value = left.pop()
        found += 1
        if isinstance(value, dict | list):
            left += value.values() if isinstance(value, dict) else value
    return found


class _Loader(yaml.SafeLoader):
    """Refuses a key given twice in one place, of which YAML would silently take the last."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if (first := lines.setdefault(str(key.value), line)) != line:
                raise ParamsError(
                    f"line {line}: '{key.value}' stands in line {first} already, and two of one name would "
                    "overwrite each other; rename or remove one"
                )
        return node


def _read(root: Path, name: str) -> Content:
    """A profile's own file. Raises ParamsError for one that is missing, or there under two names."""
    file = paths.profile(name)
    other = file.with_suffix(".yml")
    if (root / other).exists():
        twin = f"and {file} is there too; keep one of them, as" if (root / file).exists() else "is not read; rename it"
        raise ParamsError(f"{other}: {twin} {file}")
    if not (root / file).is_file():
        raise ParamsError(f"{file}: profiles has no profile '{name}'; {suggest.hint(name, names(root))}")
    content = read(root, file)
    if "name" in content:
        raise ParamsError(f"{file}: name: is {content['name']!r}; a profile is named by its file alone, remove the key")
    return content


def _resolve(root: Path, name: str, below: list[str]) -> Content:
    file = paths.profile(name)
    if name in below:
        circle = " -> ".join([*below[below.index(name) :], name])
        raise ParamsError(
            f"{paths.profile(below[-1])}: extends: '{name}' closes a circle ({circle}); remove one of them"
        )
    content = _read(root, name)
    rows = content.get("models", {})
    if not isinstance(rows, dict):
        raise ParamsError(f"{file}: models: is {rows!r}, not rows by name; give some, as {{dcgan: {{}}}}")
    if "extends" not in content:
        return {**content, "models": _written_out(file, _given(file, rows, {}))}
    above = content.pop("extends")
    if not isinstance(above, str):
        raise ParamsError(f"{file}: extends: is {above!r}; give the name of one other profile")
    try:
        base = _resolve(root, above, [*below, name])
    except ParamsError as error:
        missing = str(error).startswith(f"{paths.profile(above)}: profiles has no profile")
        raise ParamsError(f"{file}: extends: {error}" if missing else str(error)) from None
    base.pop("about", None)
    inherited = base.get("models", {})
    written = _written_out(file, _given(file, rows, inherited))
    dropped = {row for row, entry in rows.items() if entry is None}
    kept = {row: entry for row, entry in inherited.items() if row not in dropped}
    return {**base, **content, "models": kept | {row: _merge(kept.get(row, {}), e) for row, e in written.items()}}


def _given(file: Path, rows: Content, inherited: Content) -> Content:
    """The rows that are not dropped. Raises ParamsError for one that is dropped and not there."""
    for row in (row for row, entry in rows.items() if entry is None and row not in inherited):
        hint = (
            suggest.hint(row, inherited) if inherited else "the profile extends no other; write {} for the paper's row"
        )
        raise ParamsError(
            f"{file}: models.{row}: is null, which drops a row that is taken over, and there is none; {hint}"
        )
    return {row: entry for row, entry in rows.items() if entry is not None}


def _written_out(file: Path, rows: Content) -> Content:
    """The rows, those of sweeps one by one."""
    found: Content = {}
    for row, entry in rows.items():
        try:
            new = sweeps.expand(row, entry) if isinstance(entry, dict) and "sweep" in entry else {row: entry}
        except ValueError as error:
            raise ParamsError(f"{file}: models.{row}.{error}") from None
        if twice := sorted(new.keys() & found.keys()):
            raise ParamsError(f"{file}: models.{row}: its sweep makes a row '{twice[0]}', and there is one; rename one")
        found |= new
    return found


def _merge(base: Any, change: Any) -> Any:
    """`change` over `base`, key by key where both are mappings."""
    if not isinstance(base, Mapping) or not isinstance(change, Mapping):
        return change
    return {**base, **{key: _merge(base.get(key), value) for key, value in change.items()}}
