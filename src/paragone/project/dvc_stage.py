"""What the stages of the pipelines are made of, in DVC's words."""

from pathlib import Path
from typing import Any

from paragone.project import paths
from paragone.project.params import Params

SEED = "${item}"  # DVC puts each seed in its place
Stage = dict[str, Any]


def depends(code: list[str], profile: str = "", values: list[str] | None = None) -> list[Any]:
    """DVC's `params`: keys of the code's fingerprints, and of a profile as its stages read it."""
    return [*([{str(paths.resolved(profile)): values}] if values else []), {str(paths.CODE): code}]


def kept(*files: Path) -> list[Any]:
    """Small text files that belong in git, so DVC watches them without moving them to its cache."""
    return [{str(file): {"cache": False}} for file in files]


def evaluated_on(params: Params, profile: str, dataset: str) -> list[str]:
    """What every evaluation on a data set needs: the data, and the classifier where its space is used."""
    classified = "classifier" in params.get_profile(profile).spaces
    return [str(paths.prepared(dataset)), *([str(paths.classifier(dataset))] if classified else [])]


def run_file(profile: str, dataset: str, model: str, file: str, seed: int | str = SEED) -> str:
    """The path of one of a run's files; DVC's placeholder stands where the seed does."""
    folder = paths.Run(profile, dataset, model, 0).branch / str(seed)
    return str(folder / getattr(paths.Run(profile, dataset, model, 0), file).name)
