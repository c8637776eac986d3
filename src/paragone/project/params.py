"""params.yaml: what is run. Every key is checked; a wrong one is named with its file, place, value and remedy."""

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError, model_validator

from paragone.models.base import Plan
from paragone.project import registry
from paragone.project.study import Work

FILE = "params.yaml"
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$")]


class ParamsError(ValueError):
    """params.yaml holds something that cannot be run."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Dataset(_Strict):
    """A prepared data set: which loader makes it, from which source, at which size."""

    loader: str  # file name in paragone/data/datasets
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
    """A row of a profile: a model, overrides of its paper's plan and config, and which rows its parents are."""

    model: Name | None = None  # file name in paragone/models; the row's own name if none is given
    title: str = ""  # for tables; the model's own title if empty. Two rows of one model need one each
    plan: dict[str, Any] = {}
    config: dict[str, Any] = {}
    parents: dict[str, str] = {}  # role: row of the same profile, data set and seed; or a feature network's name
    datasets: dict[Name, Override] = {}  # what a data set changes
    only: list[Name] = []  # data sets of the profile that the row runs on; all of them if empty
    processes: Annotated[int, Field(ge=1)] = 1  # that train it side by side (torchrun), one a GPU of one machine


class Profile(_Strict):
    """A benchmark: data sets x models x seeds, and how it is sampled and evaluated."""

    about: str  # one sentence for the report
    datasets: Annotated[list[Name], Field(min_length=1)]
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**63)]], Field(min_length=1)]
    samples: Annotated[int, Field(ge=16, lt=2**31)]  # images sampled a run
    sample_batch: Annotated[int, Field(ge=1, lt=2**31)]  # drawn at a time; throughput is stated at this batch
    spaces: Annotated[list[str], Field(min_length=1)]  # "classifier", "lite0", "inception"
    models: Annotated[dict[Name, Entry], Field(min_length=1)]
    stage_hours: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = (
        None  # a flow ends a stage that takes longer
    )
    only: dict[Name, list[Name]] = {}  # data set: the rows that run on it; all of them where none are named
    budget: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0  # multiplies the kimg of every row
    studies: dict[
        Name, dict[str, Any]
    ] = {}  # measurements over its runs (paragone/evaluation/studies), with their options

    @model_validator(mode="after")
    def _no_repeats(self) -> Self:
        for what in ("seeds", "datasets", "spaces"):
            values = getattr(self, what)
            if len(set(values)) != len(values):
                raise ValueError(f"{what} {values} names something twice")
        return self

    def rows(self, dataset: str) -> list[str]:
        """The rows that run on a data set, in order."""
        named = self.only.get(dataset, list(self.models))
        return [row for row, entry in self.models.items() if row in named and (not entry.only or dataset in entry.only)]


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

    def model(self, profile: str, row: str) -> str:
        """The model (file name) that a row of a profile runs."""
        return self.entry(profile, row).model or row

    def plan(self, profile: str, dataset: str, model: str) -> Plan:
        """The paper's plan with the profile's and then the data set's overrides, its length times the budget."""
        paper = vars(registry.model_class(self.model(profile, model)).plan)
        entry = self.entry(profile, model)
        own = entry.datasets.get(dataset, Override()).plan
        plan: Plan = _checked(Plan, {**paper, **entry.plan, **own}, f"profiles.{profile}.models.{model}.plan")
        return replace(plan, kimg=plan.kimg * self.get_profile(profile).budget)

    def parent_rows(self, profile: str, row: str) -> dict[str, str]:
        """The rows of the profile that a row starts from, by role."""
        features = self.features(profile, row)
        return {role: parent for role, parent in self.entry(profile, row).parents.items() if role not in features}

    def features(self, profile: str, row: str) -> dict[str, str]:
        """The feature networks (file names in paragone/evaluation/extractors) that a row starts from, by role."""
        roles, given = registry.model_class(self.model(profile, row)).feature_parents, self.entry(profile, row).parents
        return {role: given[role] for role in given if role in roles}

    def config(self, profile: str, dataset: str, model: str) -> dict[str, Any]:
        """The overrides of the model's Config, checked against its fields and types."""
        entry = self.entry(profile, model)
        overrides = {**entry.config, **entry.datasets.get(dataset, Override()).config}
        config = registry.model_class(self.model(profile, model)).Config
        checked = _checked(config, overrides, f"profiles.{profile}.models.{model}.config")
        return {key: getattr(checked, key) for key in overrides}

    def study(self, root: Path, profile: str, name: str) -> Work:
        """What a study of a profile works on; its options are checked."""
        where, settings = f"profiles.{profile}.studies", self.get_profile(profile)
        options = _pick(settings.studies, name, "study", where)
        checked = _checked(registry.load("studies", name).Options, options, f"{where}.{name}")
        rows = {dataset: settings.rows(dataset) for dataset in settings.datasets}
        return Work(root, profile, rows, settings.seeds, checked)


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


class _Loader(yaml.SafeLoader):
    """Refuses a name that stands twice in one place, of which YAML would silently take the last."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if (first := lines.setdefault(str(key.value), line)) != line:
                raise ParamsError(
                    f"{FILE}: line {line}: '{key.value}' stands in line {first} already, and two of one name would "
                    "overwrite each other; rename or remove one"
                )
        return node


def load(root: Path) -> Params:
    """Read and check root/params.yaml, names of loaders, models and parents included. Raises ParamsError."""
    file = root / FILE
    try:
        params = Params.model_validate(yaml.load(file.read_text(), _Loader))
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
    for name, profile in params.profiles.items():
        for dataset_name in profile.datasets:
            params.get_dataset(dataset_name)
        for kind, given in (("extractors", profile.spaces), ("studies", profile.studies)):
            if unknown := sorted(set(given) - set(registry.names(kind))):
                what, key = {"extractors": ("space", "spaces"), "studies": ("study", "studies")}[kind]
                known = ", ".join(registry.names(kind))
                raise ParamsError(f"{FILE}: profiles.{name}.{key}: no such {what} '{unknown[0]}'; known: {known}")
        _check_titles(name, profile)
        _check_only(name, profile)
        for study in profile.studies:
            params.study(Path(), name, study)
        for row in profile.models:
            _check_model(params, name, row)


def _check_only(name: str, profile: Profile) -> None:
    """Which rows run on a data set is said of data sets and rows that the profile has."""
    for dataset, rows in profile.only.items():
        where = f"{FILE}: profiles.{name}.only.{dataset}"
        if dataset not in profile.datasets:
            raise ParamsError(f"{where}: is not a data set of the profile; known: {', '.join(profile.datasets)}")
        if unknown := [row for row in rows if row not in profile.models]:
            raise ParamsError(f"{where}: no such row '{unknown[0]}'; known: {', '.join(profile.models)}")
        if not rows:
            raise ParamsError(f"{where}: names no row; name some, or drop the data set from the profile")


def _check_titles(name: str, profile: Profile) -> None:
    """Two rows under one title could not be told apart in a table."""
    seen: dict[tuple[str, str], str] = {}
    for row, entry in profile.models.items():
        first = seen.setdefault((entry.title, "" if entry.title else entry.model or row), row)
        if first != row:
            raise ParamsError(
                f"{FILE}: profiles.{name}.models.{row}.title: '{entry.title}' would name '{first}' too in the tables; "
                "give each row of one model a title of its own"
            )


def _check_model(params: Params, profile: str, row: str) -> None:
    where, entry, settings = f"profiles.{profile}.models.{row}", params.entry(profile, row), params.get_profile(profile)
    model = params.model(profile, row)
    if model not in registry.names("models"):
        near = get_close_matches(model, registry.names("models"), n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(registry.names('models'))}"
        raise ParamsError(f"{FILE}: {where}: no such model '{model}'; {hint}")
    for dataset in entry.only:
        if dataset not in settings.datasets:
            known = ", ".join(settings.datasets)
            raise ParamsError(f"{FILE}: {where}: '{dataset}' is not a data set of profile '{profile}'; known: {known}")
    for dataset in entry.datasets:  # of this profile or of one that takes its rows over
        params.get_dataset(dataset)
    _check_parents(params, profile, row)
    for dataset in settings.datasets:
        params.plan(profile, dataset, row)
        params.config(profile, dataset, row)


def _check_parents(params: Params, profile: str, row: str) -> None:
    where, settings = f"profiles.{profile}.models.{row}.parents", params.get_profile(profile)
    cls = registry.model_class(params.model(profile, row))
    if problem := registry.parents_problem(cls, params.entry(profile, row).parents):
        raise ParamsError(f"{FILE}: {where}: {row} {problem}")
    for role, network in params.features(profile, row).items():
        if network not in (known := registry.feature_networks()):
            raise ParamsError(f"{FILE}: {where}.{role}: '{network}' is no feature network; known: {', '.join(known)}")
    for role, parent in params.parent_rows(profile, row).items():
        if parent not in settings.models:
            raise ParamsError(f"{FILE}: {where}.{role}: '{parent}' is not a model of profile '{profile}'; add it")
        for dataset in settings.datasets:
            if row in settings.rows(dataset) and parent not in settings.rows(dataset):
                raise ParamsError(f"{FILE}: {where}.{role}: '{parent}' does not run on '{dataset}'; widen its `only`")
