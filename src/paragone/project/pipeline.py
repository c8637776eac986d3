"""params.yaml as DVC pipelines: a trunk a profile, and a branch a (profile, data set, model) with its seeds.

Many small files, because DVC reads and rewrites the whole lock file of a pipeline for each stage that runs. A stage
depends on the keys of params.yaml and of runs/code.yaml that it uses, so a change reruns what it touches and no more.
Keys are whole entries: DVC does not notice when a stage no longer lists a key that it used to list.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from paragone.project import paths, registry
from paragone.project.params import FILE, Params, ParamsError

HEADER = "# Generated from params.yaml by `paragone pipeline`; edit that file and run it again.\n"
SEED = "${item}"  # DVC puts each seed in its place
TAKEN = ("classifier", "figures", "site", "tables", "validation")  # folders beside those that a profile's name makes
Stage = dict[str, Any]


def generate(params: Params) -> dict[Path, str]:
    """The text of every pipeline file, by path relative to the root. Raises ParamsError for a name that is taken."""
    files = {}
    for name in _in_order(params):
        if name in TAKEN:
            raise ParamsError(f"{FILE}: profiles.{name}: a folder has that name already; call the profile otherwise")
        files[paths.trunk(name, params.profile)] = {"stages": dict(_trunk(params, name))}
        for dataset in params.get_profile(name).datasets:
            for model in params.get_profile(name).rows(dataset):
                branch = paths.Run(name, dataset, model, 0).branch / "dvc.yaml"
                files[branch] = {"stages": _branch(params, name, dataset, model)}
    return {file: HEADER + yaml.safe_dump(_at_root(file, c), sort_keys=False, width=1000) for file, c in files.items()}


def _in_order(params: Params) -> list[str]:
    return sorted(params.profiles, key=lambda name: name != params.profile)  # the default profile first


def _at_root(file: Path, content: dict[str, Any]) -> dict[str, Any]:
    """Commands run in the root and paths start there, wherever the file stands."""
    up = "/".join([".."] * len(file.parent.parts))
    if up:
        for stage in content["stages"].values():
            body = stage.get("do", stage)
            body |= {"wdir": up, **{k: body.pop(k) for k in list(body)}}
    return content


def _trunk(params: Params, profile: str) -> Iterator[tuple[str, Stage]]:
    if profile == params.profile:
        yield "code", {"cmd": "paragone fingerprint", "deps": ["src/paragone"], "outs": [str(paths.CODE)]}
    own = params.get_profile(profile).datasets
    for dataset in _with_origins(params, own):
        prepare = [n for n in _in_order(params) if dataset in _with_origins(params, params.get_profile(n).datasets)]
        users = [name for name in prepare if dataset in params.get_profile(name).datasets]
        if prepare[0] == profile:
            yield f"ingest-{dataset}", _ingest(params, dataset)
            yield f"validate-{dataset}", _validate(params, dataset)
            if any(_classified(params, name, dataset) for name in users):
                yield f"classifier-{dataset}", _classifier(dataset)
        if dataset in own:
            yield f"reference-{dataset}", _reference(params, profile, dataset)
    for name in params.get_profile(profile).studies:
        yield f"study-{name}", _study(params, profile, name)
    yield "report", _report(params, profile)


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


def _depends(code: list[str], values: list[str]) -> list[Any]:
    """DVC's `params`: keys of the code's fingerprints and of params.yaml."""
    return [*values, {str(paths.CODE): code}]


def _kept(*files: Path) -> list[Any]:
    """Small text files that belong in git, so DVC watches them without moving them to its cache."""
    return [{str(file): {"cache": False}} for file in files]


def _ingest(params: Params, dataset: str) -> Stage:
    entry = params.get_dataset(dataset)
    return {
        "cmd": f"paragone ingest {dataset}",
        **({"deps": [os.path.expanduser(entry.path)]} if entry.path else {}),  # noqa: PTH111
        "params": _depends(["stages.ingest", f"datasets.{entry.loader}"], [f"datasets.{dataset}"]),
        "outs": [str(paths.prepared(dataset))],
    }


def _validate(params: Params, dataset: str) -> Stage:
    return {
        "cmd": f"paragone validate {dataset}",
        "deps": [str(paths.prepared(dataset))],
        "params": _depends(["stages.validate", f"datasets.{params.get_dataset(dataset).loader}"], []),
        "outs": _kept(paths.validation(dataset)),
    }


def _classifier(dataset: str) -> Stage:
    return {
        "cmd": f"paragone classifier {dataset}",
        "deps": [str(paths.prepared(dataset)), str(paths.validation(dataset))],
        "params": _depends(["stages.classifier"], []),
        "outs": [str(paths.classifier(dataset))],
    }


def _judges(params: Params, profile: str, dataset: str) -> list[str]:
    """What every evaluation on a data set needs: the data, and the classifier where its space is used."""
    classified = "classifier" in params.get_profile(profile).spaces
    return [str(paths.prepared(dataset)), *([str(paths.classifier(dataset))] if classified else [])]


def _classified(params: Params, profile: str, dataset: str) -> bool:
    """Whether anything of a profile needs the classifier of a data set: its space, or a row that starts from it."""
    settings = params.get_profile(profile)
    rows = (params.features(profile, row).values() for row in settings.rows(dataset))
    return "classifier" in settings.spaces or any("classifier" in networks for networks in rows)


def _reference(params: Params, profile: str, dataset: str) -> Stage:
    return {
        "cmd": f"paragone reference {profile} {dataset}",
        "deps": [*_judges(params, profile, dataset), str(paths.validation(dataset))],
        "params": _depends(
            ["stages.reference", "metrics", "extractors"],
            [f"profiles.{profile}.samples", f"profiles.{profile}.spaces"],
        ),
        "outs": [str(paths.reference(profile, dataset))],
    }


def _branch(params: Params, profile: str, dataset: str, model: str) -> dict[str, Stage]:
    seeds = params.get_profile(profile).seeds
    arguments = f"{profile} {dataset} {model} --seed {SEED}"
    # A model's own code samples and reconstructs too, so a change of it must pass on when the weights stay the same.
    code = [f"models.{name}" for name in _lineage(params, profile, model)]
    stages = {
        "train": _train(params, profile, dataset, model, code),
        "sample": _sample(profile, dataset, model, code),
        "evaluate": _evaluate(params, profile, dataset, model, code),
    }
    processes = params.entry(profile, model).processes
    launcher = f"torchrun --standalone --nproc-per-node {processes} -m " if processes > 1 else ""
    return {
        name: {
            "foreach": [*seeds],
            "do": {"cmd": f"{launcher * (name == 'train')}paragone {name} {arguments}", **stage},
        }
        for name, stage in stages.items()
    }


def _lineage(params: Params, profile: str, row: str) -> list[str]:
    """The model of a row, those of its parents, theirs, and so on."""
    parents = params.parent_rows(profile, row).values()
    own = params.model(profile, row)
    return list(dict.fromkeys([own, *(name for p in parents for name in _lineage(params, profile, p))]))


def _path(profile: str, dataset: str, model: str, file: str, seed: int | str = SEED) -> str:
    """The path of one of a run's files; DVC's placeholder stands where the seed does."""
    folder = paths.Run(profile, dataset, model, 0).branch / str(seed)
    return str(folder / getattr(paths.Run(profile, dataset, model, 0), file).name)


def _train(params: Params, profile: str, dataset: str, model: str, code: list[str]) -> Stage:
    parents = sorted(set(params.parent_rows(profile, model).values()))
    networks = params.features(profile, model).values()
    values = [f"profiles.{profile}.models.{model}"]
    values += [f"profiles.{profile}.budget"] * (params.get_profile(profile).budget != 1)
    weights, training, curves = (_path(profile, dataset, model, f) for f in ("weights", "training", "curves"))
    return {
        "deps": [
            str(paths.prepared(dataset)),
            str(paths.validation(dataset)),
            *(_path(profile, dataset, parent, "weights") for parent in parents),
            *([str(paths.classifier(dataset))] if "classifier" in networks else []),
        ],
        "params": _depends(["stages.train", *code, *(["extractors"] if networks else [])], values),
        "outs": [weights, *_kept(Path(training))],
        "plots": [{curves: {"cache": False, "x": "kimg", "title": f"{model} on {dataset}"}}],
    }


def _sample(profile: str, dataset: str, model: str, code: list[str]) -> Stage:
    files = ("samples", "pictures", "sample_grid", "sampling")
    samples, pictures, sample_grid, sampling = (_path(profile, dataset, model, f) for f in files)
    return {
        "deps": [str(paths.prepared(dataset)), _path(profile, dataset, model, "weights")],
        "params": _depends(
            ["stages.sample", *code],
            [f"profiles.{profile}.samples", f"profiles.{profile}.sample_batch"],
        ),
        "outs": [samples, pictures, *_kept(Path(sampling))],
        "plots": [sample_grid],
    }


def _evaluate(params: Params, profile: str, dataset: str, model: str, code: list[str]) -> Stage:
    return {
        "deps": [
            *(_path(profile, dataset, model, file) for file in ("samples", "weights")),
            *_judges(params, profile, dataset),
            str(paths.reference(profile, dataset)),
        ],
        "params": _depends(["stages.evaluate", "metrics", "extractors", *code], [f"profiles.{profile}.spaces"]),
        "outs": _kept(Path(_path(profile, dataset, model, "metrics"))),
        "metrics": _kept(Path(_path(profile, dataset, model, "headline"))),
    }


def _study(params: Params, profile: str, name: str) -> Stage:
    depends = registry.load("studies", name).depends(params.study(Path(), profile, name))
    return {
        "cmd": f"paragone study {profile} {name}",
        "deps": [str(path) for path in depends],
        "params": _depends(["stages.study", f"studies.{name}"], [f"profiles.{profile}.studies.{name}"]),
        "outs": _kept(paths.study(profile, name)),
    }


def _report(params: Params, profile: str) -> Stage:
    settings, folder = params.get_profile(profile), paths.report(profile, params.profile)
    parts = ("training", "curves", "sample_grid", "pictures", "sampling", "metrics")
    runs = [
        _path(profile, dataset, model, part, seed)
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
        "deps": [*for_each_dataset, *runs, *(str(paths.study(profile, name)) for name in settings.studies)],
        "params": _depends(["stages.report", "claims", "report"], [f"profiles.{profile}"]),
        "outs": _kept(*(folder / part for part in ("index.html", "tables", "figures", "site"))),
    }
