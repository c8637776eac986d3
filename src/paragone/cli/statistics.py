"""Export a reference's statistics, and measure images against published ones."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from paragone.data import base
from paragone.engine import hardware
from paragone.evaluation import protocol, statistics_files
from paragone.evaluation.metrics.base import Statistics
from paragone.evaluation.metrics.frechet import frechet_distance
from paragone.evaluation.statistics_files import StatisticsError
from paragone.project import files, paths
from paragone.project.params import Params


def export(root: Path, params: Params, profile: str, dataset: str, space: str, out: Path) -> None:
    """Write the mean and covariance of a data set's training split in one space. Raises StatisticsError."""
    train = base.load(root / paths.prepared(dataset), "train")
    extractors = protocol.load_extractors(root, dataset, params.get_profile(profile).spaces)
    reference = protocol.load(root / paths.reference(profile, dataset), extractors, train)
    name, _, judge = space.partition("/")
    if name not in reference.spaces:
        raise StatisticsError(f"'{space}': is no space of profile '{profile}'; there are {', '.join(reference.spaces)}")
    judges = reference.spaces[name].judges
    if not judge and len(judges) == 1:
        judge = next(iter(judges))
    if judge not in judges:
        named = ", ".join(f"{name}/{j}" for j in judges)
        raise StatisticsError(
            f"'{space}': has several networks, each with statistics of its own; choose one of {named}"
        )
    statistics_files.write(out, judges[judge].statistics, space, reference.spaces[name].hash)
    print(f"{out}: {judges[judge].statistics.n:,} training images of {dataset} in {space}")


def against(
    root: Path, dataset: str, images: Tensor, spaces: list[str], given: str, device: torch.device | None = None
) -> dict[str, Any]:
    """The Frechet distance of images (n,H,W,C) uint8 from published statistics, given as SPACE=FILE; named by both.

    Raises StatisticsError.
    """
    name, equals, file = given.partition("=")
    extractors = protocol.load_extractors(root, dataset, spaces)
    if not equals or name not in extractors:
        raise StatisticsError(f"--statistics {given}: write SPACE=FILE, with one of the spaces {', '.join(extractors)}")
    extractor, path = extractors[name], Path(file)
    features = extractor.extract(images, device or hardware.device()).values
    published = statistics_files.read(path, features.shape[1])
    distance = frechet_distance(published, Statistics.of(features))
    about = {"space": name, "hash": extractor.hash, "distance": extractor.distance, "fd": distance, "n": len(images)}
    return {**about, "file": path.name, "sha256": files.sha256(path), "n_real": published.n or None}
