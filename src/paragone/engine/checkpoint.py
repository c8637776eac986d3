"""Tensors and what they are, in safetensors files whose bytes depend on their content alone."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from paragone.models.base import Model, Spec
from paragone.project import files, registry

_KEY = "paragone"  # one metadata key: safetensors does not keep several in a fixed order


class CheckpointError(ValueError):
    """A weights file cannot be used."""


def save(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write tensors and JSON metadata to a safetensors file, atomically."""
    whole = {k: v.detach().to("cpu").clone(memory_format=torch.contiguous_format) for k, v in tensors.items()}
    text = {_KEY: json.dumps(metadata, sort_keys=True)}

    def put(temporary: Path) -> None:
        try:
            save_file(whole, temporary, text)
        except SafetensorError as error:  # what it makes of a full disk
            raise OSError(str(error).rpartition("I/O error: ")[2]) from error

    files.write(path, put)


def read_metadata(path: Path) -> dict[str, Any]:
    """The metadata of a file that `save` wrote. Raises CheckpointError for any other file."""
    try:
        with safe_open(path, "pt") as file:
            return cast(dict[str, Any], json.loads((file.metadata() or {})[_KEY]))
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file; run the stage that makes it (dvc repro)") from None
    except (SafetensorError, KeyError, OSError) as error:
        raise CheckpointError(
            f"{path}: not a file that paragone wrote ({error}); delete it and run its stage again"
        ) from None


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors (on the CPU) and metadata of a file that `save` wrote."""
    metadata = read_metadata(path)
    with safe_open(path, "pt") as file:
        return {k: file.get_tensor(k) for k in file.keys()}, metadata  # noqa: SIM118 (not a dict)


def recipe(name: str, spec: Spec, config: Mapping[str, Any], parents: Mapping[str, Any]) -> dict[str, Any]:
    """What is needed to build a model again, its parents' recipes included (see `build`)."""
    return {
        "model": name,
        "shape": list(spec.shape),
        "classes": spec.classes,
        "config": dict(config),
        "parents": dict(parents),
    }


def build(recipe: Mapping[str, Any]) -> Model:
    """Build the model of a recipe, with fresh weights. A parent whose recipe names `features` is a feature network."""
    parents = {
        role: registry.feature_network(parent) if "features" in parent else build(parent)
        for role, parent in recipe["parents"].items()
    }
    c, h, w = recipe["shape"]
    return registry.build_model(recipe["model"], Spec((c, h, w), recipe["classes"]), recipe["config"], parents)


def save_model(path: Path, model: Model, recipe: Mapping[str, Any], **metadata: Any) -> None:
    """Write a finished model: its weights, its parents' weights and its recipe."""
    save(path, model.state_dict(), {**metadata, "recipe": recipe})


def load_model(path: Path) -> tuple[Model, dict[str, Any]]:
    """Build the model that a file holds, in eval mode on the CPU; and the file's metadata."""
    tensors, metadata = load(path)
    if "recipe" not in metadata:
        raise CheckpointError(f"{path}: holds no model; give the model.safetensors of a finished run")
    model = build(metadata["recipe"])
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise CheckpointError(
            f"{path}: its weights do not fit the model '{metadata['recipe']['model']}' ({first}); train it again"
        ) from None
    return model.eval().requires_grad_(False), metadata
