"""Models, data sets, metrics, feature spaces and studies from outside of the package.

There are two ways in, and both add to what the registry finds:

- a file in the project's folder `plugins/`: `plugins/models/<family>/<name>.py`, `plugins/datasets/<name>.py`, ...;
- an entry point of an installed package, in the group `paragone.models`, `paragone.datasets` and so on:
  `<name> = "package.module"`.

Each file keeps the contract of its kind, as one of the package does.
"""

import importlib.util
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from paragone.project import environment, fingerprint

FOLDER = "plugins"
KINDS = ("models", "datasets", "metrics", "extractors", "studies")


class Plugin(NamedTuple):
    """A module that adds one thing."""

    module: str  # its dotted name
    file: Path
    origin: str  # for lineage: its path in the project, or the installed package and its version


def of_kind(kind: str) -> dict[str, Plugin]:
    """By name, what is added to a kind. Raises ValueError for a name that two plugins have."""
    if kind not in KINDS:
        return {}
    found = dict(_installed(kind))
    for name, plugin in _in_project(kind):
        if name in found:
            raise ValueError(
                f"{plugin.origin}: '{name}' is given by {found[name].origin} too; rename or remove one of the two"
            )
        found[name] = plugin
    return found


def modules() -> dict[str, Path]:
    """The file of every module that plugins may import from their own side, by dotted name, for fingerprints."""
    root = _root()
    found = fingerprint.find(root / FOLDER) if root is not None else {}
    for plugin in (plugin for kind in KINDS for plugin in _installed(kind).values()):
        found |= _package_of(plugin)
    return found


def watched(root: Path) -> list[str]:
    """What DVC is to watch for changes of plugins: the project's folder, and those of installed packages."""
    local = [FOLDER] if (root / FOLDER).is_dir() else []
    installed = {str(_top(plugin)) for kind in KINDS for plugin in _installed(kind).values()}
    return [*local, *sorted(installed)]


def _root() -> Path | None:
    try:
        return environment.find_root()
    except FileNotFoundError:  # a model that is used outside of any project
        return None


def _in_project(kind: str) -> list[tuple[str, Plugin]]:
    root = _root()
    if root is None or not (folder := root / FOLDER / kind).is_dir():
        return []
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))  # so that plugins.models... can be imported
    found = []
    for file in sorted(folder.rglob("*.py")):
        inner = file.relative_to(root).with_suffix("")
        if not file.stem.startswith("_") and "layers" not in inner.parts:
            found.append((file.stem, Plugin(".".join(inner.parts), file, str(file.relative_to(root)))))
    return found


@cache
def _installed(kind: str) -> dict[str, Plugin]:
    found: dict[str, Plugin] = {}
    for point in metadata.entry_points(group=f"paragone.{kind}"):
        origin = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
        try:
            spec = importlib.util.find_spec(point.value)
        except ImportError:
            spec = None
        if spec is None or spec.origin is None:
            raise ValueError(
                f"{origin}: its entry point {point.name} names {point.value}, which is no module; reinstall it"
            )
        if point.name in found:
            raise ValueError(
                f"{origin}: '{point.name}' is given by {found[point.name].origin} too; uninstall one of the two"
            )
        found[point.name] = Plugin(point.value, Path(spec.origin), origin)
    return found


def _top(plugin: Plugin) -> Path:
    """The folder of a module's outermost package; a lone module's file."""
    depth = plugin.module.count(".") + (plugin.file.name == "__init__.py")
    return plugin.file.parents[depth - 1] if depth else plugin.file


def _package_of(plugin: Plugin) -> dict[str, Path]:
    top = _top(plugin)
    return fingerprint.find(top) if top.is_dir() else {plugin.module: plugin.file}
