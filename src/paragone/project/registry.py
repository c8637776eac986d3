"""Find models, data sets, metrics and extractors by file name: adding a file is adding the thing."""

import dataclasses
import importlib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

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


def _files(kind: str) -> dict[str, Path]:
    files = (f for f in sorted((_PACKAGE / FOLDERS[kind]).rglob("*.py")) if _SHARED not in f.parents)
    return {f.stem: f for f in files if f.stem not in ("__init__", "base")}


def names(kind: str) -> list[str]:
    """The names of one kind (a key of FOLDERS), sorted."""
    return sorted(_files(kind))


def module_name(kind: str, name: str) -> str:
    """The dotted name of the module that holds `name`. Raises ValueError naming the nearest known names."""
    files = _files(kind)
    if name not in files:
        near = get_close_matches(name, files, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(sorted(files))}"
        raise ValueError(f"there is no {kind[:-1]} '{name}': {hint}")
    relative = files[name].relative_to(_PACKAGE).with_suffix("")
    return ".".join(["paragone", *relative.parts])


def load(kind: str, name: str) -> ModuleType:
    """Import the module that holds `name`."""
    return importlib.import_module(module_name(kind, name))


def model_class(name: str) -> type[Model]:
    """The one Model subclass that the file `name` defines."""
    module = load("models", name)
    found = [
        v
        for v in vars(module).values()
        if isinstance(v, type) and issubclass(v, Model) and v.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise TypeError(f"{module.__name__} defines {len(found)} Model subclasses; a model file defines exactly one")
    return found[0]


def family(name: str) -> str:
    """The folder of a model's file: its family."""
    return _files("models")[name].parent.name


def build_model(
    name: str, spec: Spec, config: Mapping[str, Any] | None = None, parents: Mapping[str, Model] | None = None
) -> Model:
    """Build model `name` for data of `spec`, its Config overridden by `config`. Raises ValueError
    on unknown keys, and for a conditional model on data without labels.
    """
    cls = model_class(name)
    config, parents = dict(config or {}), dict(parents or {})
    known = [f.name for f in dataclasses.fields(cls.Config)]
    if unknown := sorted(set(config) - set(known)):
        raise ValueError(
            f"model '{name}' has no config key {', '.join(map(repr, unknown))}; it has: {', '.join(known)}"
        )
    if set(parents) != cls.parents:
        needs = ", ".join(sorted(cls.parents)) or "none"
        raise ValueError(f"model '{name}' needs the parents: {needs}; given: {', '.join(sorted(parents)) or 'none'}")
    if "label" in cls.needs and not spec.classes:
        raise ValueError(f"model '{name}' needs labels and the data set has none; choose a data set with labels")
    config = {k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}  # JSON and YAML have no tuples
    return cls(cls.Config(**config), spec, **parents)  # type: ignore[call-arg]
