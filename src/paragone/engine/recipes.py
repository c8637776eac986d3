"""Whether a recipe that came with a file can be trusted to build what the file holds, before anything is allocated.

A model file may come from elsewhere. Its recipe is a few hundred bytes that could ask for a network of any size, so its
types and numbers are checked, the network is built on the meta device, where tensors take no memory, and its tensors
are compared with those of the file.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.modules import module as registration

from paragone.models.base import Model
from paragone.project import params, ranges, registry

DEPTH = 8  # generations of parents
SIDE, CLASSES, LARGEST = 2**14, 2**20, 2**21  # of an image, of labels, of any number in a config
FEATURES = 2**12  # of any number of a feature network
BUFFERS = 2**26  # numbers of tables that a network computes for itself, and no file holds
Shapes = Mapping[str, tuple[int, ...]]


class RecipeError(ValueError):
    """A recipe is none, or asks for another network than its file holds."""


def check(recipe: Any, depth: int = 0) -> None:
    """Raise RecipeError unless a recipe has the types and ranges that one has, its parents' recipes too."""
    if depth > DEPTH:
        raise RecipeError(f"its recipe has more than {DEPTH} generations of parents")
    if not isinstance(recipe, dict):
        raise RecipeError(f"its recipe is {_short(recipe)} in place of an object")
    shape, classes = recipe.get("shape"), recipe.get("classes")
    if not (isinstance(shape, list) and len(shape) == 3 and all(_whole(n, 1, SIDE) for n in shape)):
        raise RecipeError(f"its recipe's shape is {_short(shape)} in place of three numbers from 1 to {SIDE}")
    if not _whole(classes, 0, CLASSES):
        raise RecipeError(f"its recipe's classes are {_short(classes)} in place of a number from 0 to {CLASSES}")
    if not _whole(levels := recipe.get("levels", 256), 2, 256):
        raise RecipeError(f"its recipe's levels are {_short(levels)} in place of a number from 2 to 256")
    if depth and "features" in recipe:
        _check_features(recipe)
    else:
        _check_model(recipe, depth)


def _check_features(recipe: Mapping[str, Any]) -> None:
    """Of a feature network, which is named among the parents of a model."""
    if recipe["features"] not in (known := registry.feature_networks()):
        raise RecipeError(f"its recipe names the feature network {_short(recipe['features'])}; known: {known}")
    for key, value in recipe.items():
        if key not in ("features", "shape") and not _whole(value, 0, FEATURES):
            raise RecipeError(f"its recipe's {_short(key)} is {_short(value)} in place of a number to {FEATURES}")


def _check_model(recipe: Mapping[str, Any], depth: int) -> None:
    name, config, parents = (recipe.get(key) for key in ("model", "config", "parents"))
    if name not in registry.names("models"):
        raise RecipeError(f"its recipe names the model {_short(name)}, which this version of Paragone does not have")
    if not isinstance(config, dict) or not isinstance(parents, dict):
        raise RecipeError("its recipe's config or parents are no object")
    for value in _leaves(config):
        if isinstance(value, int | float) and not abs(value) <= LARGEST:
            raise RecipeError(f"its recipe's config holds {_short(value)}; no number of one is above {LARGEST}")
    cls = registry.model_class(str(name)).Config
    try:
        params.checked(cls, config, "its recipe's config")
        ranges.check_values(config, cls, "its recipe's config")
    except params.ParamsError as error:
        raise RecipeError(str(error)) from None
    for parent in parents.values():
        check(parent, depth + 1)


def check_fit(build: Callable[[], Model], wanted: Shapes) -> None:
    """Raise RecipeError unless the network that `build` makes has the tensors `wanted`, by name and shape.

    It is made on the meta device, of no more parts than a file of that many tensors can fill.
    """
    try:
        with torch.device("meta"), _limited(1_000 + 100 * len(wanted)):
            network = build()
            found = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
            numbers = sum(buffer.numel() for name, buffer in network.named_buffers() if name not in found)
    except RecipeError:
        raise
    except Exception as error:  # whatever a network's constructor makes of numbers that cannot be
        raise RecipeError(f"its recipe builds no network ({type(error).__name__}: {_short(str(error))})") from None
    if lost := sorted(set(found) - set(wanted)):
        raise RecipeError(f"its weights do not fit the model: they lack {_short(lost[0])}")
    if foreign := sorted(set(wanted) - set(found)):
        raise RecipeError(f"its weights do not fit the model: it has no {_short(foreign[0])}")
    for name, shape in found.items():
        if shape != wanted[name]:
            raise RecipeError(f"its weights do not fit the model: {name} is {wanted[name]} in place of {shape}")
    if numbers > BUFFERS:
        raise RecipeError(f"its network would compute tables of {numbers:,} numbers")


@contextmanager
def _limited(parts: int) -> Iterator[None]:
    """Let networks register no more modules and parameters than that."""
    left = parts

    def count(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise RecipeError(f"its recipe asks for a network of more than {parts:,} parts, which the file cannot fill")

    hooks = (
        registration.register_module_module_registration_hook(count),
        registration.register_module_parameter_registration_hook(count),
    )
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _leaves(part)
    else:
        yield value


def _whole(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
