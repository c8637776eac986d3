"""What params.yaml and profiles/NAME.yaml hold: the data sets, and what is run.

Every key is checked; a wrong one is named with its file, place, value and remedy. `project.settings` reads the files.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from paragone.project import paths, registry, suggest
from paragone.project.study import Work

if TYPE_CHECKING:  # torch is slow to import, and many commands do without
    from paragone.models.base import Plan

FILE = "params.yaml"
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$")]


class ParamsError(ValueError):
    """The settings hold something that cannot be run."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Judges = Annotated[list[Annotated[int, Field(ge=4, le=256)]], Field(min_length=1, max_length=16)]


class Dataset(_Strict):
    """A prepared data set: which loader makes it, from which source, at which size."""

    loader: str  # file name in paragone/data/datasets
    source: Literal["packaged", "local", "download", "generated"]
    title: str = ""  # for tables; the loader's own title if empty
    path: str | None = None  # source: local; the folder (or archive) of the upstream files
    resolution: Annotated[int, Field(ge=8, le=1024)] = 32
    options: dict[str, Any] = {}  # what else the loader takes
    judges: Judges | None = None  # its classifiers, if not those that params.yaml has for every data set


class Override(_Strict):
    """What one data set changes of a model's entry."""

    plan: dict[str, Any] = {}
    config: dict[str, Any] = {}


GUEST = "guest"  # what stands for a guest's model, which is no file of the package
SOURCES = ("samples", "sampler", "checkpoint")  # of a guest


class Entry(_Strict):
    """A row of a profile: a model, overrides of its paper's plan and config, and which rows its parents are; or a
    guest: samples, a sampler or a checkpoint from elsewhere, and what is known of it."""

    model: Name | None = None  # file name in paragone/models; the row's own name if none is given
    title: str = ""  # for tables; the model's own title if empty. Two rows of one model need one each
    plan: dict[str, Any] = {}
    config: dict[str, Any] = {}
    parents: dict[str, str] = {}  # role: row of the same profile, data set and seed; or a feature network's name
    overrides: dict[Name, Override] = {}  # what a data set changes, where the row runs on it
    processes: Annotated[int, Field(ge=1)] = 1  # that train it side by side (torchrun), one a GPU of one machine
    samples: str = ""  # guest: a folder, zip, .npz or .npy of images; {seed} and {dataset} stand for the run's
    sampler: str = ""  # guest: package.module:function, called with n, labels, seed and device
    checkpoint: str = ""  # guest: a folder that `paragone export` wrote; {seed} and {dataset} as above
    labels: bool = False  # guest: whether the sampler takes labels
    about: str = ""  # guest: what is known of it: paper, address, training

    @property
    def guest(self) -> bool:
        """Whether the row comes from elsewhere."""
        return any(getattr(self, source) for source in SOURCES)

    @property
    def weightless(self) -> bool:
        """Whether there are samples alone, and no model to ask for more."""
        return bool(self.samples or self.sampler)

    def source(self, dataset: str, seed: object) -> str:
        """Where a guest's images come from, of one run."""
        given = self.samples or self.checkpoint
        return self.sampler or given.replace("{dataset}", dataset).replace("{seed}", str(seed))


Rows = Annotated[list[Name], Field(min_length=1)]


class Profile(_Strict):
    """A benchmark: data sets x models x seeds, and how it is sampled and evaluated."""

    about: str  # one sentence for the report
    datasets: Annotated[
        dict[Name, Rows | None], Field(min_length=1)
    ]  # and the rows that run on each; None: all of them
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**63)]], Field(min_length=1)]
    samples: Annotated[int, Field(ge=16, lt=2**31)]  # images sampled per run
    # rows of which more are drawn, and how many: the first `samples` are measured, all serve the distance at infinity
    many: dict[Name, Annotated[int, Field(ge=2000, lt=2**31)]] = {}
    sample_batch: Annotated[int, Field(ge=1, lt=2**31)]  # drawn at a time; throughput is stated at this batch
    spaces: Annotated[list[str], Field(min_length=1)]  # "classifier", "lite0", "inception"
    models: Annotated[dict[Name, Entry], Field(min_length=1)]
    # a flow ends a stage that takes longer
    stage_hours: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    budget: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0  # multiplies the kimg of every row
    studies: dict[
        Name, dict[str, Any]
    ] = {}  # measurements over its runs (paragone/evaluation/studies), with their options

    @field_validator("datasets", mode="before")
    @classmethod
    def _with_rows(cls, value: Any) -> Any:
        """`[a, b]` is short for `{a: all, b: all}`."""
        if isinstance(value, list):
            if foreign := [item for item in value if not isinstance(item, str)]:
                raise ValueError(f"{foreign[0]!r:.60} is no data set's name")
            if len(set(map(str, value))) != len(value):
                raise ValueError("names a data set twice")
            return dict.fromkeys(value)
        return {k: None if v == "all" else v for k, v in value.items()} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _no_repeats(self) -> Self:
        for what in ("seeds", "spaces"):
            values = getattr(self, what)
            if len(set(values)) != len(values):
                raise ValueError(f"{what} {values} names something twice")
        return self

    def rows(self, dataset: str) -> list[str]:
        """The rows that run on a data set, in order."""
        named = self.datasets[dataset]
        return [row for row in self.models if named is None or row in named]


class Params(_Strict):
    """params.yaml, and the profiles that were read with it."""

    profile: Name  # what `dvc repro` and `make demo` run
    # the classifiers that judge a data set: the width of each, whose seed is its place
    judges: Judges = [16, 12, 16, 12]
    datasets: dict[Name, Dataset]
    profiles: dict[Name, Profile]

    def get_profile(self, name: str) -> Profile:
        return _pick(self.profiles, name, "profile", f"{paths.profile(name)}: profiles")

    def get_dataset(self, name: str) -> Dataset:
        return _pick(self.datasets, name, "data set", f"{FILE}: datasets")

    def entry(self, profile: str, model: str) -> Entry:
        return _pick(self.get_profile(profile).models, model, "model", f"{paths.profile(profile)}: models")

    def drawn(self, profile: str, row: str) -> int:
        """How many samples of each run of a row are drawn."""
        settings = self.get_profile(profile)
        return max(settings.samples, settings.many.get(row, 0))

    def model(self, profile: str, row: str) -> str:
        """The model (file name) that a row of a profile runs; GUEST for a guest."""
        entry = self.entry(profile, row)
        return GUEST if entry.guest else entry.model or row

    def plan(self, profile: str, dataset: str, model: str) -> "Plan":
        """The paper's plan with the profile's and then the data set's overrides, its length times the budget."""
        from paragone.models.base import Plan

        paper = vars(registry.model_class(self.model(profile, model)).plan)
        entry = self.entry(profile, model)
        here = entry.overrides.get(dataset, Override()).plan
        plan = checked(Plan, {**paper, **entry.plan, **here}, f"{paths.profile(profile)}: models.{model}.plan")
        return replace(plan, kimg=plan.kimg * self.get_profile(profile).budget)

    def parent_rows(self, profile: str, row: str) -> dict[str, str]:
        """The rows of the profile that a row starts from, by role."""
        features = self.features(profile, row)
        return {role: parent for role, parent in self.entry(profile, row).parents.items() if role not in features}

    def features(self, profile: str, row: str) -> dict[str, str]:
        """The feature networks (file names in paragone/evaluation/extractors) that a row starts from, by role."""
        if self.entry(profile, row).guest:
            return {}
        roles, given = registry.model_class(self.model(profile, row)).feature_parents, self.entry(profile, row).parents
        return {role: given[role] for role in given if role in roles}

    def config(self, profile: str, dataset: str, model: str) -> dict[str, Any]:
        """The overrides of the model's Config, checked against its fields and types."""
        entry = self.entry(profile, model)
        overrides = {**entry.config, **entry.overrides.get(dataset, Override()).config}
        config = registry.model_class(self.model(profile, model)).Config
        values: Any = checked(config, overrides, f"{paths.profile(profile)}: models.{model}.config")
        return {key: getattr(values, key) for key in overrides}

    def study(self, root: Path, profile: str, name: str) -> Work:
        """What a study of a profile works on; its options are checked."""
        where, settings = f"{paths.profile(profile)}: studies", self.get_profile(profile)
        given = _pick(settings.studies, name, "study", where)
        options = checked(registry.load("studies", name).Options, given, f"{where}.{name}")
        rows = {dataset: settings.rows(dataset) for dataset in settings.datasets}
        models = {row: self.model(profile, row) for row in settings.models}
        loaders = {dataset: self.get_dataset(dataset).loader for dataset in settings.datasets}
        return Work(root, profile, rows, settings.seeds, options, models, loaders)


def _pick(mapping: Mapping[str, Any], name: str, what: str, where: str) -> Any:
    if name in mapping:
        return mapping[name]
    raise ParamsError(f"{where} has no {what} '{name}'; {suggest.hint(name, mapping)}")


T = TypeVar("T")


def checked(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """An instance of a dataclass or a pydantic model with these values. Raises ParamsError.

    where: the file and the key that the values stand under, as `profiles/quick.yaml: models.dcgan.plan`.
    """
    fields = getattr(cls, "__dataclass_fields__", None)
    if fields is not None and (unknown := sorted(set(values) - set(fields))):
        raise ParamsError(f"{where}.{unknown[0]}: no such key; {suggest.hint(unknown[0], fields)}")
    try:
        return TypeAdapter(cls).validate_python(dict(values))
    except ValidationError as error:
        raise ParamsError(_sentence(error, where)) from None


def _sentence(error: ValidationError, where: str) -> str:
    """The first problem of a pydantic error as one sentence; how many more there are, if any."""
    first, *rest = error.errors()
    inner = ".".join(str(part) for part in first["loc"])
    place = where + (": " if inner and where.endswith((".yaml", ".json")) else "." if inner else "") + inner
    more = f" (and {len(rest)} more)" if rest else ""
    if first["type"] == "missing":
        return f"{place}: is missing; add it{more}"
    if first["type"] == "extra_forbidden":
        return f"{place}: no such key; remove it or correct its name{more}"
    if first["type"] == "value_error":  # of a validator of ours, which says it all
        return f"{place}: {first['msg'].removeprefix('Value error, ')}{more}"
    return f"{place}: {first['msg']}; it is {first['input']!r}{more}"
