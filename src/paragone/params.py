"""params.yaml: what is run. Every key is checked; a wrong one is named with its file, place, value and remedy."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError, model_validator

from paragone import registry
from paragone.models.base import Plan

FILE = "params.yaml"
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$")]


class ParamsError(ValueError):
    """params.yaml holds something that cannot be run."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Dataset(_Strict):
    """A prepared data set: which loader makes it, from which source, at which size."""

    loader: str  # file name in paragone/datasets
    source: Literal["packaged", "local", "download", "generated"]
    title: str = ""  # for tables; the loader's own title if empty
    path: str | None = None  # source: local; the folder (or archive) of the upstream files
    resolution: Annotated[int, Field(ge=8, le=1024)] = 32
    options: dict[str, Any] = {}  # what else the loader takes


class Override(_Strict):
    """What one data set changes of a model's entry."""

    plan: dict[str, Any] = {}
    config: dict[str, Any] = {}


class Entry(_Strict):
    """A model in a profile: overrides of its paper's plan and config, and which models its parents are."""

    plan: dict[str, Any] = {}
    config: dict[str, Any] = {}
    parents: dict[str, str] = {}  # role: model of the same profile, data set and seed
    datasets: dict[Name, Override] = {}


class Profile(_Strict):
    """A benchmark: data sets x models x seeds, and how it is sampled and evaluated."""

    about: str  # one sentence for the report
    datasets: Annotated[list[Name], Field(min_length=1)]
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    samples: Annotated[int, Field(ge=16)]  # images sampled a run
    sample_batch: Annotated[int, Field(ge=1)]  # drawn at a time; throughput is stated at this batch
    spaces: Annotated[list[str], Field(min_length=1)]  # "classifier", "lite0", "inception"
    models: Annotated[dict[Name, Entry], Field(min_length=1)]

    @model_validator(mode="after")
    def _no_repeats(self) -> Self:
        for what in ("seeds", "datasets", "spaces"):
            values = getattr(self, what)
            if len(set(values)) != len(values):
                raise ValueError(f"{what} {values} names something twice")
        return self


class Params(_Strict):
    """The whole of params.yaml."""

    profile: Name  # what `dvc repro` and `make demo` run
    datasets: dict[Name, Dataset]
    profiles: dict[Name, Profile]

    def get_profile(self, name: str) -> Profile:
        return _pick(self.profiles, name, "profile", "profiles")

    def get_dataset(self, name: str) -> Dataset:
        return _pick(self.datasets, name, "data set", "datasets")

    def entry(self, profile: str, model: str) -> Entry:
        return _pick(self.get_profile(profile).models, model, "model", f"profiles.{profile}.models")

    def plan(self, profile: str, dataset: str, model: str) -> Plan:
        """The paper's plan with the profile's and then the data set's overrides."""
        paper = vars(registry.model_class(model).plan)
        entry = self.entry(profile, model)
        own = entry.datasets.get(dataset, Override()).plan
        return _checked(Plan, {**paper, **entry.plan, **own}, f"profiles.{profile}.models.{model}.plan")

    def config(self, profile: str, dataset: str, model: str) -> dict[str, Any]:
        """The overrides of the model's Config, checked against its fields and types."""
        entry = self.entry(profile, model)
        overrides = {**entry.config, **entry.datasets.get(dataset, Override()).config}
        checked = _checked(registry.model_class(model).Config, overrides, f"profiles.{profile}.models.{model}.config")
        return {key: getattr(checked, key) for key in overrides}


def _pick(mapping: Mapping[str, Any], name: str, what: str, where: str) -> Any:
    if name in mapping:
        return mapping[name]
    near = get_close_matches(name, mapping, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(mapping)}"
    raise ParamsError(f"{FILE}: {where} has no {what} '{name}'; {hint}")


def _checked(cls: type, values: dict[str, Any], where: str) -> Any:
    fields = cls.__dataclass_fields__  # type: ignore[attr-defined]
    if unknown := sorted(set(values) - set(fields)):
        near = get_close_matches(unknown[0], fields, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(fields)}"
        raise ParamsError(f"{FILE}: {where}.{unknown[0]}: no such key; {hint}")
    try:
        return TypeAdapter(cls).validate_python(values)
    except ValidationError as error:
        raise ParamsError(_sentence(error, where)) from None


def _sentence(error: ValidationError, where: str = "") -> str:
    """The first problem of a pydantic error as one sentence; how many more there are, if any."""
    first, *rest = error.errors()
    place = ".".join([where] * bool(where) + [str(p) for p in first["loc"]])
    more = f" (and {len(rest)} more)" if rest else ""
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        return f"{FILE}: {place}: is missing; add it{more}"
    if first["type"] == "extra_forbidden":
        return f"{FILE}: {place}: no such key; remove it or correct its name{more}"
    return f"{FILE}: {place}: {message}; it is {first['input']!r}{more}"


def load(root: Path) -> Params:
    """Read and check root/params.yaml, names of loaders, models and parents included. Raises ParamsError."""
    file = root / FILE
    try:
        params = Params.model_validate(yaml.safe_load(file.read_text()))
    except FileNotFoundError:
        raise ParamsError(f"{file}: not found; run from the project's folder") from None
    except yaml.YAMLError as error:
        raise ParamsError(f"{file}: not YAML: {error}") from None
    except ValidationError as error:
        raise ParamsError(_sentence(error)) from None
    _check_names(params)
    return params


def _check_names(params: Params) -> None:
    params.get_profile(params.profile)
    for name, dataset in params.datasets.items():
        if dataset.loader not in registry.names("datasets"):
            known = ", ".join(registry.names("datasets"))
            raise ParamsError(f"{FILE}: datasets.{name}.loader: no such loader '{dataset.loader}'; known: {known}")
        if (dataset.source == "local") != (dataset.path is not None):
            raise ParamsError(
                f"{FILE}: datasets.{name}.path: source 'local' needs a path, and no other source takes one"
            )
    for profile_name, profile in params.profiles.items():
        for dataset_name in profile.datasets:
            params.get_dataset(dataset_name)
        if unknown := sorted(set(profile.spaces) - set(registry.names("extractors"))):
            known = ", ".join(registry.names("extractors"))
            raise ParamsError(f"{FILE}: profiles.{profile_name}.spaces: no such space '{unknown[0]}'; known: {known}")
        for model in profile.models:
            _check_model(params, profile_name, model)


def _check_model(params: Params, profile: str, model: str) -> None:
    where = f"profiles.{profile}.models.{model}"
    if model not in registry.names("models"):
        near = get_close_matches(model, registry.names("models"), n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(registry.names('models'))}"
        raise ParamsError(f"{FILE}: {where}: no such model; {hint}")
    roles, given = registry.model_class(model).parents, params.entry(profile, model).parents
    if set(given) != roles:
        raise ParamsError(f"{FILE}: {where}.parents: needs {sorted(roles) or 'none'}; it has {sorted(given) or 'none'}")
    for role, parent in given.items():
        if parent not in params.get_profile(profile).models:
            raise ParamsError(
                f"{FILE}: {where}.parents.{role}: '{parent}' is not a model of profile '{profile}'; add it"
            )
    for dataset in params.get_profile(profile).datasets:
        params.plan(profile, dataset, model)
        params.config(profile, dataset, model)
