"""What a flow is asked for, checked in one go before any work starts."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.dvc.graph import Graph
from flows.run import gpus as cards
from flows.run import resources
from paragone.project import paths, settings, suggest


class RequestError(ValueError):
    """Something is asked for that there is not."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One profile, or the chosen part of it, and what it may use of the machine."""

    profile: str
    datasets: tuple[str, ...]
    models: tuple[str, ...]
    seeds: tuple[int, ...]
    whole: bool  # whether the above are all that the profile has
    report: str  # the address of the profile's last stage
    slots: int  # stages at once
    gpus: tuple[str, ...]  # ids; one named twice is shared by two stages
    left_alone: str  # why GPUs that are here are not used, where they were not chosen by name
    force: bool  # whether to run stages again that are current
    hours: float | None  # that a stage may take

    def targets(self, graph: Graph) -> list[str]:
        """The stages to bring up to date: the report, or the evaluations of the chosen runs where a part is chosen."""
        return [self.report] if self.whole else [s for s in self.runs(graph) if ":evaluate@" in s]

    def runs(self, graph: Graph) -> list[str]:
        """The stages of the chosen runs. Raises RequestError if no run fits the choice."""
        branches = [paths.Run(self.profile, d, m, 0).branch / "dvc.yaml" for d in self.datasets for m in self.models]
        ends = tuple(f"@{seed}" for seed in self.seeds)
        found = [s for s, file in graph.pipelines.items() if file in branches and s.endswith(ends)]
        if not found:
            chosen = f"{', '.join(self.models)} on {', '.join(self.datasets)}"
            raise RequestError(
                f"{paths.profile(self.profile)}: datasets: {chosen}: no run fits; it says what runs on each"
            )
        return sorted(found)


def check(
    root: Path,
    *,
    profile: str = "",
    datasets: Sequence[str] = (),
    models: Sequence[str] = (),
    seeds: Sequence[int] = (),
    slots: int = 0,
    gpus: str = "auto",
    force: bool = False,
    hours: float | None = None,
) -> Request:
    """The request that these choices make; an empty one means the profile's own.

    slots: stages at once; 0: one a physical core, and no fewer than there are GPUs.
    gpus: `auto` (all there are), `all` (the same, but at least one), `none`, or ids such as `0,1`.
    hours: limit of a stage; None: the profile's `stage_hours`.
    `paragone pipeline` checks whether it can be run; here only names and types are. Raises RequestError or ParamsError
    in one sentence.
    """
    params = settings.read(root, profile)
    ((name, chosen),) = params.profiles.items()
    where = f"{paths.profile(name)}: "
    _known(datasets, chosen.datasets, "data set", f"{where}datasets")
    _known(models, chosen.models, "model", f"{where}models")
    _known(seeds, chosen.seeds, "seed", f"{where}seeds")
    if slots < 0:
        raise RequestError(f"slots: {slots} stages at once cannot be; give 1 or more, or 0 for one a core")
    limit = chosen.stage_hours if hours is None else hours
    if limit is not None and not (isinstance(limit, int | float) and math.isfinite(limit) and limit > 0):
        raise RequestError(f"limit: a stage cannot take {limit} hours; give a number above 0")
    devices, left_alone = cards.choose(gpus)
    trunk = paths.trunk(name, params.profile)
    return Request(
        profile=name,
        datasets=tuple(datasets or chosen.datasets),
        models=tuple(models or chosen.models),
        seeds=tuple(seeds or chosen.seeds),
        whole=all(
            not some or set(some) == set(all_) for some, all_ in
            ((datasets, chosen.datasets), (models, chosen.models), (seeds, chosen.seeds))
        ),
        report="report" if trunk == Path("dvc.yaml") else f"{trunk}:report",
        slots=slots or max(resources.cores(), len(devices)),
        gpus=tuple(devices),
        left_alone=left_alone,
        force=force,
        hours=limit,
    )  # fmt: skip


def _known(chosen: Sequence[object], there: Iterable[object], what: str, where: str) -> None:
    names = [str(name) for name in there]
    for name in chosen:
        if str(name) not in names:
            raise RequestError(f"{where} has no {what} '{name}'; {suggest.hint(name, names)}")
