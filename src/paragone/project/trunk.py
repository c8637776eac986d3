"""A profile's trunk: the stages that are no single run's, from the data to the report."""

import os
from collections.abc import Iterator
from pathlib import Path

from paragone.project import installed, paths, plugins, profiles, registry
from paragone.project.dvc_stage import Stage, depends, evaluated_on, kept, run_file
from paragone.project.params import Params


def stages(root: Path, params: Params, profile: str) -> Iterator[tuple[str, Stage]]:
    """The stages of a profile's trunk, by name, in order."""
    if profile == params.profile:
        yield (
            "code",
            {
                "cmd": "paragone fingerprint",
                "deps": [str(installed.dependency(root)), *plugins.watched(root)],
                "outs": [str(paths.CODE)],
            },
        )
    yield "profile", _profile(root, profile)
    if profile == params.profile:
        for dataset in datasets(params, [profile]):
            yield from data(params, dataset)
    for dataset in params.get_profile(profile).datasets:
        yield f"reference-{dataset}", _reference(params, profile, dataset)
    for name in params.get_profile(profile).studies:
        yield f"study-{name}", _study(params, profile, name)
    yield "report", _report(params, profile)


def data(params: Params, dataset: str) -> Iterator[tuple[str, Stage]]:
    """The stages of a data set that profiles share."""
    yield f"ingest-{dataset}", _ingest(params, dataset)
    yield f"validate-{dataset}", _validate(params, dataset)
    users = [name for name, p in params.profiles.items() if dataset in p.datasets]
    if any(_classified(params, name, dataset) for name in users):
        yield f"classifier-{dataset}", _classifier(params, dataset)


def datasets(params: Params, names: list[str]) -> list[str]:
    """The data sets of these profiles, with those that they are made from."""
    used = [dataset for name in names for dataset in params.get_profile(name).datasets]
    return _with_origins(params, list(dict.fromkeys(used)))


def _with_origins(params: Params, datasets: list[str]) -> list[str]:
    """Data sets, each after the one that it is made from: whose prepared folder is its path."""
    prepared = {paths.prepared(name): name for name in params.datasets}
    found: list[str] = []
    for dataset in datasets:
        chain = [dataset]
        while (origin := prepared.get(Path(params.get_dataset(chain[-1]).path or ""))) and origin not in chain:
            chain.append(origin)
        found += reversed(chain)
    return list(dict.fromkeys(found))


def _profile(root: Path, profile: str) -> Stage:
    return {
        "cmd": f"paragone profile {profile}",
        "deps": [str(file) for file in profiles.files(root, profile)],
        "params": depends(["stages.profile"]),
        "outs": [str(paths.resolved(profile))],
    }


def _ingest(params: Params, dataset: str) -> Stage:
    entry = params.get_dataset(dataset)
    return {
        "cmd": f"paragone ingest {dataset}",
        **({"deps": [os.path.expanduser(entry.path)]} if entry.path else {}),  # noqa: PTH111
        "params": [f"datasets.{dataset}", *depends(["stages.ingest", f"datasets.{entry.loader}"])],
        "outs": [str(paths.prepared(dataset))],
    }


def _validate(params: Params, dataset: str) -> Stage:
    return {
        "cmd": f"paragone validate {dataset}",
        "deps": [str(paths.prepared(dataset))],
        "params": depends(["stages.validate", f"datasets.{params.get_dataset(dataset).loader}"]),
        "outs": kept(paths.validation(dataset)),
    }


def _classifier(params: Params, dataset: str) -> Stage:
    return {
        "cmd": f"paragone classifier {dataset}",
        "deps": [str(paths.prepared(dataset)), str(paths.validation(dataset))],
        "params": [*_judged(params, dataset), *depends(["stages.classifier"])],
        "outs": [str(paths.classifier(dataset))],
    }


def _judged(params: Params, dataset: str) -> list[str]:
    """The key of a data set's judges, where params.yaml has it: DVC refuses one that is not there."""
    if params.get_dataset(dataset).judges:
        return [f"datasets.{dataset}.judges"]
    return ["judges"] if "judges" in params.model_fields_set else []


def _classified(params: Params, profile: str, dataset: str) -> bool:
    """Whether anything of a profile needs the classifier of a data set: its space, or a row that starts from it."""
    settings = params.get_profile(profile)
    rows = (params.features(profile, row).values() for row in settings.rows(dataset))
    return "classifier" in settings.spaces or any("classifier" in networks for networks in rows)


def _reference(params: Params, profile: str, dataset: str) -> Stage:
    return {
        "cmd": f"paragone reference {profile} {dataset}",
        "deps": [*evaluated_on(params, profile, dataset), str(paths.validation(dataset))],
        "params": depends(["stages.reference", "metrics", "extractors"], profile, ["samples", "spaces"]),
        "outs": [str(paths.reference(profile, dataset))],
    }


def _study(params: Params, profile: str, name: str) -> Stage:
    used = registry.load("studies", name).depends(params.study(Path(), profile, name))
    return {
        "cmd": f"paragone study {profile} {name}",
        "deps": [str(path) for path in used],
        "params": depends(["stages.study", f"studies.{name}"], profile, [f"studies.{name}"]),
        "outs": kept(paths.study(profile, name)),
    }


def _report(params: Params, profile: str) -> Stage:
    settings, folder = params.get_profile(profile), paths.report(profile, params.profile)
    parts = ("training", "curves", "sample_grid", "pictures", "sampling", "metrics")
    runs = [
        run_file(profile, dataset, model, part, seed)
        for dataset in settings.datasets
        for model in settings.rows(dataset)
        for seed in settings.seeds
        for part in parts
    ]
    for_each_dataset = [
        str(path)
        for dataset in settings.datasets
        for path in (
            paths.prepared(dataset) / "dataset.json",
            paths.validation(dataset),
            paths.reference(profile, dataset),
        )
    ]
    return {
        "cmd": f"paragone report {profile}",
        "deps": [
            str(paths.resolved(profile)),
            *for_each_dataset,
            *runs,
            *(str(paths.study(profile, name)) for name in settings.studies),
        ],
        "params": depends(["stages.report", "claims", "report"]),
        "outs": kept(*(folder / part for part in ("index.html", "tables", "figures", "site"))),
    }
