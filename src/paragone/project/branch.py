"""A profile's branches: the stages of the runs of one row on one data set, for each seed."""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from paragone.project import paths
from paragone.project.dvc_stage import SEED, Stage, depends, evaluated_on, kept, run_file
from paragone.project.params import Params


def branches(root: Path, params: Params, profile: str) -> dict[Path, dict[str, Stage]]:
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
    path = partial(run_file, profile, dataset, row)
    fetched = ("samples", "labels", "pictures") if entry.weightless else ("weights",)
    given = entry.source(dataset, SEED)
    guest = {
        "deps": [
            str(paths.prepared(dataset)),
            *(_sampler_file(root, given) if entry.sampler else [os.path.expanduser(given)]),  # noqa: PTH111
        ],
        "params": depends(["stages.guest"], profile, [f"models.{row}", "samples"]),
        "outs": [*map(path, fetched), *kept(Path(path("training")))],
        "plots": [{path("curves"): {"cache": False}}],
    }
    if entry.weightless:
        guest["outs"] += kept(Path(path("sampling")))
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


def _train(params: Params, profile: str, dataset: str, model: str, code: list[str]) -> Stage:
    parents = sorted(set(params.parent_rows(profile, model).values()))
    networks = params.features(profile, model).values()
    scored = params.plan(profile, dataset, model).eval_every > 0
    used = [*(["extractors"] if networks or scored else []), *(["held_out"] if scored else [])]
    values = [f"models.{model}"] + ["budget"] * (params.get_profile(profile).budget != 1)
    weights, training, curves = (run_file(profile, dataset, model, f) for f in ("weights", "training", "curves"))
    return {
        "deps": [
            str(paths.prepared(dataset)),
            str(paths.validation(dataset)),
            *(run_file(profile, dataset, parent, "weights") for parent in parents),
            *([str(paths.classifier(dataset))] if "classifier" in networks else []),
        ],
        "params": depends(["stages.train", *code, *used], profile, values),
        "outs": [weights, *kept(Path(training))],
        "plots": [{curves: {"cache": False, "x": "kimg", "title": f"{model} on {dataset}"}}],
    }


def _sample(params: Params, profile: str, dataset: str, model: str, code: list[str]) -> Stage:
    files = ("samples", "pictures", "sample_grid", "sampling")
    values = ["samples", "sample_batch", *([f"many.{model}"] if model in params.get_profile(profile).many else [])]
    samples, pictures, sample_grid, sampling = (run_file(profile, dataset, model, f) for f in files)
    return {
        "deps": [str(paths.prepared(dataset)), run_file(profile, dataset, model, "weights")],
        "params": depends(["stages.sample", *code], profile, values),
        "outs": [samples, pictures, *kept(Path(sampling))],
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
            *(run_file(profile, dataset, model, file) for file in measured),
            *evaluated_on(params, profile, dataset),
            str(paths.reference(profile, dataset)),
        ],
        "params": depends(["stages.evaluate", "metrics", "extractors", *code], profile, ["spaces"]),
        "outs": kept(Path(run_file(profile, dataset, model, "metrics"))),
        "metrics": kept(Path(run_file(profile, dataset, model, "headline"))),
    }
