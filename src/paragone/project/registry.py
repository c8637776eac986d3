"""Find models, data sets, metrics and extractors by file name: adding a file is adding the thing.

Files of the package come first; `project.plugins` says what others add.
"""

import dataclasses
import importlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from paragone.project import fingerprint, plugins, suggest
from paragone.project.plugins import Plugin

if TYPE_CHECKING:  # torch is slow to import, and whoever asks for names alone does without
    from torch import nn

    from paragone.models.base import Model, Spec

_PACKAGE = Path(__file__).parents[1]
FOLDERS = {  # kind: where its files are in the package
    "models": "models",
    "datasets": "data/datasets",
    "metrics": "evaluation/metrics",
    "extractors": "evaluation/extractors",
    "studies": "evaluation/studies",
    "claims": "results/claims",
    "report/studies": "report/studies",
}
_SHARED = _PACKAGE / "models/layers"  # networks that models share, and no models themselves


@cache
def _own(kind: str) -> dict[str, Plugin]:
    """By name, the package's files."""
    files = (f for f in sorted((_PACKAGE / FOLDERS[kind]).rglob("*.py")) if _SHARED not in f.parents)
    return {f.stem: Plugin(_dotted(f), f, "") for f in files if f.stem not in ("__init__", "base")}


def _files(kind: str) -> dict[str, Plugin]:
    """By name, the package's files and what plugins add. Raises ValueError for a plugin whose name is taken."""
    found = dict(_own(kind))
    for name, plugin in plugins.of_kind(kind).items():
        if name in found:
            raise ValueError(
                f"{plugin.origin}: there is a {kind[:-1]} '{name}' already, {found[name].module}; rename it"
            )
        found[name] = plugin
    return found


def _dotted(file: Path) -> str:
    return ".".join(["paragone", *file.relative_to(_PACKAGE).with_suffix("").parts])


def names(kind: str) -> list[str]:
    """The names of one kind (a key of FOLDERS), sorted."""
    return sorted(_files(kind))


def module_name(kind: str, name: str) -> str:
    """The dotted name of the module that holds `name`. Raises ValueError naming the nearest known names."""
    files = _files(kind)
    if name not in files:
        raise ValueError(f"there is no {kind[:-1]} '{name}'; {suggest.hint(name, files)}")
    return files[name].module


def origin(kind: str, name: str) -> str:
    """Which plugin gives `name`: its path in the project, or the installed package; "" for one of the package's own."""
    return _files(kind)[name].origin


def modules() -> dict[str, Path]:
    """The file of every module of the package and of plugins, by dotted name: what fingerprints are made of."""
    return {**fingerprint.find(), **plugins.modules()}


def load(kind: str, name: str) -> ModuleType:
    """Import the module that holds `name`."""
    return importlib.import_module(module_name(kind, name))


def model_class(name: str) -> "type[Model]":
    """The one Model subclass that the file `name` defines."""
    from paragone.models.base import Model

    module = load("models", name)
    found = [
        v
        for v in vars(module).values()
        if isinstance(v, type) and issubclass(v, Model) and v.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise TypeError(f"{module.__name__} defines {len(found)} Model subclasses; a model file defines exactly one")
    return found[0]


def parents_problem(cls: "type[Model]", given: Iterable[str]) -> str:
    """What is wrong with the roles given to a model, as the rest of a sentence; empty if nothing is."""
    needed, roles = (cls.parents | cls.feature_parents) - cls.optional_parents, set(given)
    if needed <= roles <= needed | cls.optional_parents:
        return ""
    optional = f" (and takes: {', '.join(sorted(cls.optional_parents))})" if cls.optional_parents else ""
    return (
        f"needs the parents: {', '.join(sorted(needed)) or 'none'}{optional}; given: "
        f"{', '.join(sorted(roles)) or 'none'}"
    )


def family(name: str) -> str:
    """The folder of a model's file: its family."""
    return _files("models")[name].file.parent.name


def feature_networks() -> list[str]:
    """The extractors that can be a model's parent: those that define `build`."""
    return [name for name in names("extractors") if hasattr(load("extractors", name), "build")]


def feature_network(recipe: Mapping[str, Any]) -> "nn.Module":
    """Build a feature network that is a model's parent, with fresh weights, by what the extractor's `recipe` holds and,
    under `features`, the extractor's file name."""
    network: nn.Module = load("extractors", recipe["features"]).build(recipe)
    return network


def build_model(
    name: str, spec: "Spec", config: Mapping[str, Any] | None = None, parents: "Mapping[str, nn.Module] | None" = None
) -> "Model":
    """Build model `name` for data of `spec`, its Config overridden by `config`. Raises ValueError
    on unknown keys, for missing or unknown parents, and for a conditional model on data without labels.
    """
    cls = model_class(name)
    config, parents = dict(config or {}), dict(parents or {})
    known = [f.name for f in dataclasses.fields(cls.Config)]
    if unknown := sorted(set(config) - set(known)):
        raise ValueError(
            f"model '{name}' has no config key {', '.join(map(repr, unknown))}; it has: {', '.join(known)}"
        )
    if problem := parents_problem(cls, parents):
        raise ValueError(f"model '{name}' {problem}")
    if "label" in cls.needs and not spec.classes:
        raise ValueError(f"model '{name}' needs labels and the data set has none; choose a data set with labels")
    config = {k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}  # JSON and YAML have no tuples
    return cls(cls.Config(**config), spec, **parents)  # type: ignore[call-arg]
