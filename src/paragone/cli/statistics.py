"""Export a reference's statistics, and measure images against published ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from paragone.data import base
from paragone.engine import hardware
from paragone.evaluation import protocol, statistics_files
from paragone.evaluation.extractors.base import Ensemble, Extractor
from paragone.evaluation.metrics.base import Statistics
from paragone.evaluation.metrics.frechet import frechet_distance
from paragone.evaluation.statistics_files import StatisticsError
from paragone.project import files, paths
from paragone.project.params import Params


def export(root: Path, params: Params, profile: str, dataset: str, space: str, out: Path) -> None:
    """Write the mean and covariance of a data set's training split in one space. Raises StatisticsError."""
    if out.suffix != ".npz":
        raise StatisticsError(f"{out}: is no name of an .npz; write {out.with_suffix('.npz')}")
    train = base.load(root / paths.prepared(dataset), "train")
    extractors = protocol.load_extractors(root, dataset, params.get_profile(profile).spaces)
    reference = protocol.load(root / paths.reference(profile, dataset), extractors, train)
    extractor, judge = _network(space, extractors)
    statistics = reference.spaces[extractor.name].judges[judge].statistics
    statistics_files.write(out, statistics, space, _hash(extractor, judge))
    print(f"{out}: {statistics.n:,} training images of {dataset} in {space}")


def _network(space: str, extractors: Mapping[str, Extractor]) -> tuple[Extractor, str]:
    """The extractor, and which of its networks, that a space names: SPACE, or SPACE/NETWORK where several judge, each
    of which has statistics of its own. Raises StatisticsError."""
    name, _, judge = space.partition("/")
    if name not in extractors:
        raise StatisticsError(f"'{space}': is no space of the profile; there are {', '.join(extractors)}")
    judges = extractors[name].judges
    if not judge and len(judges) == 1:
        return extractors[name], judges[0]
    if judge not in judges:
        named = ", ".join(f"{name}/{of}" for of in judges) if len(judges) > 1 else name
        why = "has several networks, each with statistics of its own" if not judge else "is no network of that space"
        raise StatisticsError(f"'{space}': {why}; choose one of {named}")
    return extractors[name], judge


def _hash(extractor: Extractor, judge: str) -> str:
    """Of the one network, as reference.json has it where a space has one."""
    return cast(Extractor, extractor.networks[judge]).hash if isinstance(extractor, Ensemble) else extractor.hash


def against(
    root: Path, dataset: str, images: Tensor, spaces: list[str], given: str, device: torch.device | None = None
) -> dict[str, Any]:
    """The Frechet distance of images (n,H,W,C) uint8 from published statistics, given as SPACE=FILE, or as
    SPACE/NETWORK=FILE where several networks judge; named by both.

    Raises StatisticsError.
    """
    space, equals, file = given.partition("=")
    extractors = protocol.load_extractors(root, dataset, spaces)
    if not equals:
        raise StatisticsError(f"--statistics {given}: write SPACE=FILE, with one of the spaces {', '.join(extractors)}")
    extractor, judge = _network(space, extractors)
    path, place = Path(file), extractor.judges.index(judge)
    every = extractor.extract(images, device or hardware.device()).values  # (n,JD)
    features = every.split(extractor.dim, 1)[place]
    published = statistics_files.read(path, features.shape[1], _hash(extractor, judge))
    distance = frechet_distance(published, Statistics.of(features))
    about = {"space": space, "hash": _hash(extractor, judge), "distance": extractor.distance, "fd": distance}
    return {**about, "n": len(images), "file": path.name, "sha256": files.sha256(path), "n_real": published.n or None}
