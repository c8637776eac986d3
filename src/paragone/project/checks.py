"""Whether settings can be run: every name is known, and every row's plan, config, parents and numbers are possible.

A stage checks its row alone; `profile` checks a whole profile when its pipelines are generated, which imports every
model and every study that it names.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paragone.project import paths, ranges, registry, suggest
from paragone.project.params import FILE, SOURCES, Params, ParamsError, Profile

if TYPE_CHECKING:  # torch is slow to import, and many commands do without
    from paragone.models.base import Plan


def dataset(params: Params, name: str) -> None:
    """Raise ParamsError unless the entry of a data set names a loader, and a path where its source needs one."""
    entry, where = params.get_dataset(name), f"{FILE}: datasets.{name}"
    if entry.loader not in registry.names("datasets"):
        hint = suggest.hint(entry.loader, registry.names("datasets"))
        raise ParamsError(f"{where}.loader: no such loader '{entry.loader}'; {hint}")
    if (entry.source == "local") != (entry.path is not None):
        raise ParamsError(f"{where}.path: source 'local' needs a path, and no other source takes one")


def profile(params: Params, name: str) -> None:
    """Raise ParamsError for the first thing of a profile that cannot be run."""
    chosen, file = params.get_profile(name), paths.profile(name)
    for of in chosen.datasets:
        dataset(params, of)
    for kind, what, key, given in (
        ("extractors", "space", "spaces", list(chosen.spaces)),
        ("studies", "study", "studies", list(chosen.studies)),
    ):
        if unknown := sorted(set(given) - set(registry.names(kind))):
            hint = suggest.hint(unknown[0], registry.names(kind))
            raise ParamsError(f"{file}: {key}: no such {what} '{unknown[0]}'; {hint}")
    if unknown := [r for r in chosen.many if r not in chosen.models or chosen.models[r].weightless]:
        hint = suggest.hint(unknown[0], [r for r, entry in chosen.models.items() if not entry.weightless])
        raise ParamsError(f"{file}: many.{unknown[0]}: no such row that draws samples; {hint}")
    _check_rows_of_datasets(name, chosen)
    _check_titles(name, chosen)
    for study in chosen.studies:
        params.study(Path(), name, study)
    for of in chosen.models:
        row(params, name, of)


def row(params: Params, profile: str, name: str) -> None:
    """Raise ParamsError for the first thing of a row that cannot be run, on any data set of its profile."""
    where, entry = f"{paths.profile(profile)}: models.{name}", params.entry(profile, name)
    if entry.guest:
        _check_guest(params, profile, name)
        return
    model = params.model(profile, name)
    if model not in registry.names("models"):
        raise ParamsError(f"{where}: no such model '{model}'; {suggest.hint(model, registry.names('models'))}")
    for of in entry.overrides:  # of this profile, or of one that takes its rows over
        params.get_dataset(of)
    _check_parents(params, profile, name)
    for of in params.get_profile(profile).datasets:
        plan, config = params.plan(profile, of, name), params.config(profile, of, name)
        _check_eval_space(plan.eval_space, f"{where}.plan.eval_space")
        _check_truncation(plan, config, registry.model_class(model).Config, f"{where}.config.truncation")
    ranges.check(params, profile, name)


def _check_eval_space(space: str, where: str) -> None:
    if space not in (known := registry.names("extractors")):
        raise ParamsError(f"{where}: no such space '{space}'; {suggest.hint(space, known)}")
    if space == "classifier":
        raise ParamsError(f"{where}: is 'classifier', which learned from the held-out images; choose another")


def _check_truncation(plan: "Plan", given: dict[str, Any], config: type, where: str) -> None:
    """What is pulled towards a running mean of w (`w_decay`) are averaged weights."""
    fields = getattr(config, "__dataclass_fields__", {})
    if {"truncation", "w_decay"} <= fields.keys() and not plan.ema_kimg:
        value = given.get("truncation", fields["truncation"].default)
        if value < 1:
            raise ParamsError(
                f"{where}: is {value} and plan.ema_kimg is 0; what is truncated are averaged weights: give "
                "plan.ema_kimg, or set truncation to 1"
            )


def _check_guest(params: Params, profile: str, name: str) -> None:
    """A guest comes from one place, trains nothing here, and is another one for each seed and data set."""
    where, entry = f"{paths.profile(profile)}: models.{name}", params.entry(profile, name)
    given = [source for source in SOURCES if getattr(entry, source)]
    if len(given) > 1:
        raise ParamsError(f"{where}: has {' and '.join(given)}; a guest comes from one of them, remove the others")
    idle = [key for key in ("model", "plan", "config", "parents", "overrides") if getattr(entry, key)]
    idle += ["processes"] * (entry.processes > 1) + ["labels"] * (entry.labels and not entry.sampler)
    if idle:
        raise ParamsError(f"{where}.{idle[0]}: a guest by its {given[0]} takes no {idle[0]}; remove it")
    if entry.sampler:
        if not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", entry.sampler):
            raise ParamsError(f"{where}.sampler: '{entry.sampler}' is not of the form package.module:function")
        return
    settings, path = params.get_profile(profile), getattr(entry, given[0])
    datasets = [of for of in settings.datasets if name in settings.rows(of)]
    for mark, of in (("{dataset}", datasets), ("{seed}", settings.seeds)):
        if len(of) > 1 and mark not in path:
            raise ParamsError(
                f"{where}.{given[0]}: '{path}' is one place for {len(of)} {mark[1:-1]}s; write {mark} where each has "
                f"its own" + (", or name the data set under `datasets`" if mark == "{dataset}" else "")
            )


def _check_rows_of_datasets(name: str, profile: Profile) -> None:
    """Rows that are named for a data set are rows of the profile, and each row runs on one at least."""
    for of, rows in profile.datasets.items():
        if unknown := [r for r in rows or [] if r not in profile.models]:
            hint = suggest.hint(unknown[0], profile.models)
            raise ParamsError(f"{paths.profile(name)}: datasets.{of}: no such row '{unknown[0]}'; {hint}")
    running = {r for of in profile.datasets for r in profile.rows(of)}
    if idle := [r for r in profile.models if r not in running]:
        raise ParamsError(
            f"{paths.profile(name)}: models.{idle[0]}: runs on no data set; name it under one of `datasets` "
            f"({', '.join(profile.datasets)}), or drop it"
        )


def _check_titles(name: str, profile: Profile) -> None:
    """Two rows under one title could not be told apart in a table."""
    seen: dict[tuple[str, str], str] = {}
    for row, entry in profile.models.items():
        first = seen.setdefault((entry.title, "" if entry.title else entry.model or row), row)
        if first != row:
            raise ParamsError(
                f"{paths.profile(name)}: models.{row}.title: '{entry.title}' would name '{first}' too in the tables; "
                "give each row of one model a title of its own"
            )


def _check_parents(params: Params, profile: str, row: str) -> None:
    where, settings = f"{paths.profile(profile)}: models.{row}.parents", params.get_profile(profile)
    cls = registry.model_class(params.model(profile, row))
    if problem := registry.parents_problem(cls, params.entry(profile, row).parents):
        raise ParamsError(f"{where}: {row} {problem}")
    for role, network in params.features(profile, row).items():
        if network not in (known := registry.feature_networks()):
            raise ParamsError(f"{where}.{role}: '{network}' is no feature network; {suggest.hint(network, known)}")
    for role, parent in params.parent_rows(profile, row).items():
        if parent not in settings.models:
            hint = suggest.hint(parent, settings.models)
            raise ParamsError(f"{where}.{role}: '{parent}' is not a row of profile '{profile}'; add it, or {hint}")
        for dataset in settings.datasets:
            if row in settings.rows(dataset) and parent not in settings.rows(dataset):
                raise ParamsError(
                    f"{where}.{role}: '{parent}' does not run on '{dataset}', where '{row}' does; "
                    f"name it in `datasets.{dataset}`"
                )
