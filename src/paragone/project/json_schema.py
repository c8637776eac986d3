"""JSON schemas of params.yaml and of profiles, made from the code: editors complete and check YAML files by them.

They know the plan, and the Config of each model, the options of each study and of each loader. What needs two places
at once (a parent's row, a range that depends on another value) is for `paragone check` alone.
"""

from typing import Any

from pydantic import TypeAdapter

from paragone.project import registry
from paragone.project.params import Dataset, Profile

Schema = dict[str, Any]
DRAFT = "http://json-schema.org/draft-07/schema#"  # what editors know best


def params() -> Schema:
    """Of params.yaml."""
    loaders = {name: registry.load("datasets", name).LOADER for name in registry.names("datasets")}
    entry = _object(Dataset)
    entry["properties"]["loader"] = {"enum": list(loaders)}
    entry["allOf"] = [
        _if(
            "loader", name, source={"enum": sorted(of.sources)}, options={"propertyNames": {"enum": sorted(of.options)}}
        )
        for name, of in loaders.items()
    ]
    return {
        "$schema": DRAFT,
        "title": "The profile at hand, and the data sets",
        "type": "object",
        "additionalProperties": False,
        "required": ["profile", "datasets"],
        "properties": {
            "profile": {"type": "string"},
            "judges": {
                "type": "array",
                "items": {"type": "integer", "minimum": 4, "maximum": 256},
                "minItems": 1,
                "maxItems": 16,
                "description": "the classifiers that judge each data set: the width of each; its seed is its place",
            },
            "datasets": {"type": "object", "additionalProperties": entry},
        },
    }


def profile() -> Schema:
    """Of profiles/NAME.yaml."""
    names = registry.names("models")
    found = _object(Profile)
    rows = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    found["properties"] |= {
        "extends": {"type": "string", "description": "another profile, whose content is taken over"},
        "datasets": {
            "anyOf": [rows, {"type": "object", "additionalProperties": {"anyOf": [{"const": "all"}, rows]}}],
            "description": "data sets of params.yaml, and the rows that run on each",
        },
        "spaces": {"type": "array", "items": {"enum": registry.names("extractors")}},
        "studies": _studies(),
        "models": {
            "type": "object",
            "properties": {name: _named(name) for name in names},
            "additionalProperties": {"$ref": "#/definitions/row"},
        },
    }
    return {
        "$schema": DRAFT,
        "title": "A profile: data sets, models and seeds",
        **found,
        "required": ["about"],
        "definitions": {"row": _row(names), "plan": _plan(), **{f"of {name}": _of_model(name) for name in names}},
    }


def _object(cls: type) -> Schema:
    """The schema of a class, every key optional: a row or a profile that extends another gives some of them."""
    found = TypeAdapter(cls).json_schema()
    found.pop("$defs", None)
    return {**{k: v for k, v in found.items() if k not in ("required", "title", "description")}} | {
        "additionalProperties": False,
        "properties": {name: _without_titles(field) for name, field in found.get("properties", {}).items()},
    }


def _without_titles(value: Any) -> Any:
    """The titles that pydantic makes of names say nothing more."""
    if isinstance(value, dict):
        return {k: _without_titles(v) for k, v in value.items() if not (k == "title" and isinstance(v, str))}
    return [_without_titles(v) for v in value] if isinstance(value, list) else value


def _if(key: str, value: str, **properties: Schema) -> Schema:
    """Properties of an object whose key has this value."""
    return {
        "if": {"properties": {key: {"const": value}}, "required": [key]},
        "then": {"properties": properties},
    }


def _plan() -> Schema:
    from paragone.models.base import Plan

    return _object(Plan)


def _studies() -> Schema:
    options = {name: _object(registry.load("studies", name).Options) for name in registry.names("studies")}
    return {"type": "object", "properties": options, "additionalProperties": False}


def _row(names: list[str]) -> Schema:
    change = {"plan": {"$ref": "#/definitions/plan"}, "config": {"type": "object"}}
    part = {"type": "object", "additionalProperties": False, "properties": change}
    return {
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {
            "model": {"enum": names, "description": "a file of paragone/models; the row's own name if left out"},
            "title": {"type": "string"},
            **change,
            "parents": {"type": "object", "additionalProperties": {"type": "string"}},
            "overrides": {"type": "object", "additionalProperties": part, "description": "what a data set changes"},
            "processes": {"type": "integer", "minimum": 1},
            "samples": {"type": "string", "description": "guest: a folder, zip, .npz or .npy of images"},
            "sampler": {"type": "string", "description": "guest: package.module:function"},
            "checkpoint": {"type": "string", "description": "guest: a folder that `paragone export` wrote"},
            "labels": {"type": "boolean", "description": "guest: whether the sampler takes labels"},
            "about": {"type": "string", "description": "guest: what is known of it"},
            "sweep": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {"type": ["array", "object"]},
                "description": "{lr: [0.1, 0.01]}, or {name: {lr: 0.1}}",
            },
        },
        "allOf": [
            {
                "if": {"properties": {"model": {"const": n}}, "required": ["model"]},
                "then": {"$ref": f"#/definitions/of {n}"},
            }
            for n in names
        ],
    }


def _named(name: str) -> Schema:
    """A row that has a model's name, and that model unless it says otherwise."""
    here = {"if": {"type": "object", "not": {"required": ["model"]}}, "then": {"$ref": f"#/definitions/of {name}"}}
    return {"allOf": [{"$ref": "#/definitions/row"}, here]}


def _of_model(name: str) -> Schema:
    """What only this model's rows can say."""
    cls = registry.model_class(name)
    roles = sorted(cls.parents | cls.optional_parents | cls.feature_parents)
    config = _object(cls.Config)
    return {
        "properties": {
            "config": config,
            "parents": {"propertyNames": {"enum": roles}},
            "overrides": {
                "additionalProperties": {
                    "properties": {"config": {"$ref": f"#/definitions/of {name}/properties/config"}}
                }
            },
        }
    }
