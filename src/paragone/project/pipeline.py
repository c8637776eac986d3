"""Profiles as DVC pipelines: one trunk per profile, and one branch per (profile, data set, model) with its seeds.

Many small files, because DVC reads and rewrites the whole lock file of a pipeline for each stage that runs. A stage
depends on the keys that it uses of runs/code.yaml and of runs/<profile>/profile.json, which the trunk's first stage
makes of the profile's file and of those that it extends; so a change reruns what it touches and no more, wherever it
is made. Keys are whole entries: DVC does not notice when a stage no longer lists a key that it used to list.

The stages of a data set that the default profile does not use have a pipeline of their own, so that they stay where
they are whichever profiles there are pipelines for.
"""

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from paragone.project import installed, paths, plugins, profiles, registry
from paragone.project.params import Params, ParamsError

HEADER = "# Generated from params.yaml and profiles/ by `paragone pipeline`; edit those and run it again.\n"
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the same text, in a fraction of the time
SEED = "${item}"  # DVC puts each seed in its place
# folders beside those that a profile's name makes
TAKEN = ("classifier", "data", "figures", "site", "tables", "validation")
Stage = dict[str, Any]


def generate(root: Path, params: Params) -> dict[Path, str]:
    """The text of every pipeline file of the profiles that `params` holds, by path relative to the root; outside of a
    clone also that of the note of what is installed.

    Raises ParamsError for a name that is taken.
    """
    found: dict[Path, dict[str, Stage]] = {}
    for name in _in_order(params):
        if name in TAKEN:
            raise ParamsError(f"{paths.profile(name)}: a folder has that name already; call the profile otherwise")
        found |= {paths.trunk(name, params.profile): dict(_trunk(root, params, name)), **_branches(root, params, name)}
    at_root = _datasets(params, [params.profile])
    for dataset in _datasets(params, _in_order(params)):
        if dataset not in at_root:
            found[paths.data_pipeline(dataset)] = dict(_data(params, dataset))
    note = {} if installed.in_clone(root) else {installed.NOTE: installed.note(root)}
    return {file: _text(file, stages) for file, stages in found.items()} | note


def active(root: Path, default: str) -> list[str]:
    """The default profile, and those that have pipelines: which somebody asked for once and did not drop."""
    there = {file.relative_to(root).parts[1] for file in generated(root) if file.parent != root}
    return [*sorted((there & set(profiles.names(root))) - {default}), default]


def generated(root: Path) -> list[Path]:
    """The pipelines below root that were generated, by whichever release; one that a person wrote is theirs."""
    found = [root / "dvc.yaml", *sorted((root / "runs").rglob("dvc.yaml"))]
    return [file for file in found if file.is_file() and _is_generated(file.read_text().partition("\n")[0])]


def _is_generated(first_line: str) -> bool:
    return first_line.startswith("# Generated from params.yaml") and "`paragone pipeline`" in first_line


def outdated(root: Path, wanted: dict[Path, str], there: list[Path]) -> list[Path]:
    """The files that differ from what is wanted, and those of `there` (below root) that are not wanted at all."""
    changed = [f for f, text in wanted.items() if not (root / f).is_file() or (root / f).read_text() != text]
    return changed + [f for file in there if (f := file.relative_to(root)) not in wanted]


def check_branches(root: Path, params: Params, name: str) -> None:
    """Raise ParamsError unless the branches of a profile are those that it asks for now: DVC itself would go on with
    the rows and seeds of before an edit."""
    wanted = {file: _text(file, stages) for file, stages in _branches(root, params, name).items()}
    there = set((root / "runs" / name).glob("*/*/dvc.yaml"))
    if wrong := outdated(root, wanted, [file for file in generated(root) if file in there]):
        raise ParamsError(f"{wrong[0]}: not what {paths.profile(name)} asks for; run `paragone pipeline`")


def _in_order(params: Params) -> list[str]:
    return sorted(params.profiles, key=lambda name: (name != params.profile, name))  # the default profile first


def _branches(root: Path, params: Params, profile: str) -> dict[Path, dict[str, Stage]]:
    """The pipelines of a profile's runs."""
    chosen = params.get_profile(profile)
    rows = ((dataset, row) for dataset in chosen.datasets for row in chosen.rows(dataset))
    return {
        paths.Run(profile, d, row, 0).branch / "dvc.yaml": (
            _guest_branch(root, params, profile, d, row)
            if params.entry(profile, row).guest
            else _branch(params, profile, d, row)
        )
        for d, row in rows
    }


def _text(file: Path, stages: dict[str, Stage]) -> str:
    return HEADER + yaml.dump({"stages": _at_root(file, stages)}, Dumper=DUMPER, sort_keys=False, width=1000)


def _at_root(file: Path, stages: dict[str, Stage]) -> dict[str, Stage]:
    """Commands run in the root and paths start there, wherever the file stands."""
    up = "/".join([".."] * len(file.parent.parts))
    if up:
        for stage in stages.values():
            body = stage.get("do", stage)
            body |= {"wdir": up, **{k: body.pop(k) for k in list(body)}}
    return stages


def _trunk(root: Path, params: Params, profile: str) -> Iterator[tuple[str, Stage]]:
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
        for dataset in _datasets(params, [profile]):
            yield from _data(params, dataset)
    for dataset in params.get_profile(profile).datasets:
        yield f"reference-{dataset}", _reference(params, profile, dataset)
    for name in params.get_profile(profile).studies:
        yield f"study-{name}", _study(params, profile, name)
    yield "report", _report(params, profile)


def _profile(root: Path, profile: str) -> Stage:
    return {
        "cmd": f"paragone profile {profile}",
        "deps": [str(file) for file in profiles.files(root, profile)],
        "params": _depends(["stages.profile"]),
        "outs": [str(paths.resolved(profile))],
    }


def _data(params: Params, dataset: str) -> Iterator[tuple[str, Stage]]:
    """The stages of a data set that profiles share."""
    yield f"ingest-{dataset}", _ingest(params, dataset)
    yield f"validate-{dataset}", _validate(params, dataset)
    users = [name for name, p in params.profiles.items() if dataset in p.datasets]
    if any(_classified(params, name, dataset) for name in users):
        yield f"classifier-{dataset}", _classifier(params, dataset)


def _datasets(params: Params, names: list[str]) -> list[str]:
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


def _depends(code: list[str], profile: str = "", values: list[str] | None = None) -> list[Any]:
    """DVC's `params`: keys of the code's fingerprints, and of a profile as its stages read it."""
    return [*([{str(paths.resolved(profile)): values}] if values else []), {str(paths.CODE): code}]


def _kept(*files: Path) -> list[Any]:
    """Small text files that belong in git, so DVC watches them without moving them to its cache."""
    return [{str(file): {"cache": False}} for file in files]


def _ingest(params: Params, dataset: str) -> Stage:
    entry = params.get_dataset(dataset)
    return {
        "cmd": f"paragone ingest {dataset}",
        **({"deps": [os.path.expanduser(entry.path)]} if entry.path else {}),  # noqa: PTH111
        "params": [f"datasets.{dataset}", *_depends(["stages.ingest", f"datasets.{entry.loader}"])],
        "outs": [str(paths.prepared(dataset))],
    }


def _validate(params: Params, dataset: str) -> Stage:
    return {
        "cmd": f"paragone validate {dataset}",
        "deps": [str(paths.prepared(dataset))],
        "params": _depends(["stages.validate", f"datasets.{params.get_dataset(dataset).loader}"]),
        "outs": _kept(paths.validation(dataset)),
    }


def _judged(params: Params, dataset: str) -> list[str]:
    """The key of a data set's judges, where params.yaml has it: DVC refuses one that is not there."""
    if params.get_dataset(dataset).judges:
        return [f"datasets.{dataset}.judges"]
    return ["judges"] if "judges" in params.model_fields_set else []


def _classifier(params: Params, dataset: str) -> Stage:
    return {
        "cmd": f"paragone classifier {dataset}",
        "deps": [str(paths.prepared(dataset)), str(paths.validation(dataset))],
        "params": [*_judged(params, dataset), *_depends(["stages.classifier"])],
        "outs": [str(paths.classifier(dataset))],
    }


def _classifiers(params: Params, profile: str, dataset: str) -> list[str]:
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
        "deps": [*_classifiers(params, profile, dataset), str(paths.validation(dataset))],
        "params": _depends(["stages.reference", "metrics", "extractors"], profile, ["samples", "spaces"]),
        "outs": [str(paths.reference(profile, dataset))],
    }


def _branch(params: Params, profile: str, dataset: str, model: str) -> dict[str, Stage]:
    # A model's own code samples and reconstructs too, so a change of it must pass on when the weights stay the same.
    code = [f"models.{name}" for name in _lineage(params, profile, model)]
    stages = {
        "train": _train(params, profile, dataset, model, code),
        "sample": _sample(params, profile, dataset, model, code),
        "evaluate": _evaluate(params, profile, dataset, model, code),
    }
    return _for_each_seed(params, profile, dataset, model, stages)


def _for_each_seed(
    params: Params, profile: str, dataset: str, model: str, stages: dict[str, Stage]
) -> dict[str, Stage]:
    seeds = params.get_profile(profile).seeds
    arguments = f"{profile} {dataset} {model} --seed {SEED}"
    processes = params.entry(profile, model).processes
    launcher = f"torchrun --standalone --nproc-per-node {processes} -m " if processes > 1 else ""
    return {
        name: {
            "foreach": [*seeds],
            "do": {"cmd": f"{launcher * (name == 'train')}paragone {name} {arguments}", **stage},
        }
        for name, stage in stages.items()
    }


def _guest_branch(root: Path, params: Params, profile: str, dataset: str, row: str) -> dict[str, Stage]:
    """The stages of a row from elsewhere: what it brings is fetched, and then goes the way of every other."""
    entry = params.entry(profile, row)
    path = partial(_path, profile, dataset, row)
    fetched = ("samples", "labels", "pictures") if entry.weightless else ("weights",)
    given = entry.source(dataset, SEED)
    guest = {
        "deps": [
            str(paths.prepared(dataset)),
            *(_sampler_file(root, given) if entry.sampler else [os.path.expanduser(given)]),  # noqa: PTH111
        ],
        "params": _depends(["stages.guest"], profile, [f"models.{row}", "samples"]),
        "outs": [*map(path, fetched), *_kept(Path(path("training")))],
        "plots": [{path("curves"): {"cache": False}}],
    }
    if entry.weightless:
        guest["outs"] += _kept(Path(path("sampling")))
        guest["plots"].append(path("sample_grid"))
        evaluate = _evaluate(params, profile, dataset, row, [], ("samples", "labels"))
        return _for_each_seed(params, profile, dataset, row, {"guest": guest, "evaluate": evaluate})
    code = ["models"]  # all: whichever it is
    rest = {
        "sample": _sample(params, profile, dataset, row, code),
        "evaluate": _evaluate(params, profile, dataset, row, code),
    }
    return _for_each_seed(params, profile, dataset, row, {"guest": guest, **rest})


def _sampler_file(root: Path, sampler: str) -> list[str]:
    """The file or package in the project that a sampler is of; none for one that is installed."""
    top = sampler.partition(":")[0].partition(".")[0]
    return [name for name in (f"{top}.py", top) if (root / name).exists()][:1]


def _lineage(params: Params, profile: str, row: str) -> list[str]:
    """The model of a row, those of its parents, theirs, and so on."""
    parents = params.parent_rows(profile, row).values()
    model = params.model(profile, row)
    return list(dict.fromkeys([model, *(name for p in parents for name in _lineage(params, profile, p))]))


def _path(profile: str, dataset: str, model: str, file: str, seed: int | str = SEED) -> str:
    """The path of one of a run's files; DVC's placeholder stands where the seed does."""
    folder = paths.Run(profile, dataset, model, 0).branch / str(seed)
    return str(folder / getattr(paths.Run(profile, dataset, model, 0), file).name)


def _train(params: Params, profile: str, dataset: str, model: str, code: list[str]) -> Stage:
    parents = sorted(set(params.parent_rows(profile, model).values()))
    networks = params.features(profile, model).values()
    scored = params.plan(profile, dataset, model).eval_every > 0
    used = [*(["extractors"] if networks or scored else []), *(["held_out"] if scored else [])]
    values = [f"models.{model}"] + ["budget"] * (params.get_profile(profile).budget != 1)
    weights, training, curves = (_path(profile, dataset, model, f) for f in ("weights", "training", "curves"))
    return {
        "deps": [
            str(paths.prepared(dataset)),
            str(paths.validation(dataset)),
            *(_path(profile, dataset, parent, "weights") for parent in parents),
            *([str(paths.classifier(dataset))] if "classifier" in networks else []),
        ],
        "params": _depends(["stages.train", *code, *used], profile, values),
        "outs": [weights, *_kept(Path(training))],
        "plots": [{curves: {"cache": False, "x": "kimg", "title": f"{model} on {dataset}"}}],
    }


def _sample(params: Params, profile: str, dataset: str, model: str, code: list[str]) -> Stage:
    files = ("samples", "pictures", "sample_grid", "sampling")
    values = ["samples", "sample_batch", *([f"many.{model}"] if model in params.get_profile(profile).many else [])]
    samples, pictures, sample_grid, sampling = (_path(profile, dataset, model, f) for f in files)
    return {
        "deps": [str(paths.prepared(dataset)), _path(profile, dataset, model, "weights")],
        "params": _depends(["stages.sample", *code], profile, values),
        "outs": [samples, pictures, *_kept(Path(sampling))],
        "plots": [sample_grid],
    }


def _evaluate(
    params: Params,
    profile: str,
    dataset: str,
    model: str,
    code: list[str],
    measured: Sequence[str] = ("samples", "weights"),
) -> Stage:
    return {
        "deps": [
            *(_path(profile, dataset, model, file) for file in measured),
            *_classifiers(params, profile, dataset),
            str(paths.reference(profile, dataset)),
        ],
        "params": _depends(["stages.evaluate", "metrics", "extractors", *code], profile, ["spaces"]),
        "outs": _kept(Path(_path(profile, dataset, model, "metrics"))),
        "metrics": _kept(Path(_path(profile, dataset, model, "headline"))),
    }


def _study(params: Params, profile: str, name: str) -> Stage:
    depends = registry.load("studies", name).depends(params.study(Path(), profile, name))
    return {
        "cmd": f"paragone study {profile} {name}",
        "deps": [str(path) for path in depends],
        "params": _depends(["stages.study", f"studies.{name}"], profile, [f"studies.{name}"]),
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
        "deps": [
            str(paths.resolved(profile)),
            *for_each_dataset,
            *runs,
            *(str(paths.study(profile, name)) for name in settings.studies),
        ],
        "params": _depends(["stages.report", "claims", "report"]),
        "outs": _kept(*(folder / part for part in ("index.html", "tables", "figures", "site"))),
    }
