"""Tensors and what they are, in safetensors files whose bytes depend on their content alone."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from paragone.engine import recipes
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
        if path.exists() and not path.is_file():
            raise OSError("it is no regular file")  # a pipe would be waited for
        with safe_open(path, "pt") as file:
            found = json.loads((file.metadata() or {})[_KEY])
        if not isinstance(found, dict):
            raise TypeError(f"its metadata is a {type(found).__name__}")
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file; run the stage that makes it (dvc repro)") from None
    except (SafetensorError, KeyError, OSError, ValueError, TypeError, RecursionError) as error:
        raise CheckpointError(
            f"{path}: not a file that paragone wrote ({error}); delete it and run its stage again"
        ) from None
    return found


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
        **({} if spec.levels == 256 else {"levels": spec.levels}),  # absent from files of 8-bit images
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
    return registry.build_model(
        recipe["model"], Spec((c, h, w), recipe["classes"], recipe.get("levels", 256)), recipe["config"], parents
    )


def needs(recipe: Mapping[str, Any]) -> frozenset[str]:
    """The batch keys that the model of a recipe reads: its class's, and those that its Config adds."""
    with torch.device("meta"):  # of the network nothing but this is wanted
        return build(recipe).needs


def save_model(path: Path, model: Model, recipe: Mapping[str, Any], **metadata: Any) -> None:
    """Write a finished model: its weights, its parents' weights and its recipe."""
    save(path, model.state_dict(), {**metadata, "recipe": recipe})


def load_model(path: Path) -> tuple[Model, dict[str, Any]]:
    """Build the model that a file holds, in eval mode on the CPU; and the file's metadata.

    Takes no more memory than the file's tensors, wherever the file is from. Raises CheckpointError.
    """
    metadata = read_metadata(path)
    if "recipe" not in metadata:
        raise CheckpointError(f"{path}: holds no model; give the model.safetensors of a finished run")
    try:
        recipes.check(metadata["recipe"])
        recipes.check_fit(lambda: build(metadata["recipe"]), _shapes(path))
    except recipes.RecipeError as error:
        raise CheckpointError(f"{path}: {error}; train it again, or get the file again") from None
    model = build(metadata["recipe"])
    model.load_state_dict(load(path)[0])
    return model.eval().requires_grad_(False), metadata


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    with safe_open(path, "pt") as file:
        return {k: tuple(file.get_slice(k).get_shape()) for k in file.keys()}  # noqa: SIM118 (not a dict)
