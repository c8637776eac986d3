"""What a request comes to: the graph as it is now, and the stages that are to be visited."""

import os
import sys
from pathlib import Path
from typing import NamedTuple

from flows.dvc import graph as graphs
from flows.dvc import locks
from flows.run import gpus, regenerate
from flows.run.progress import console
from flows.run.request import Request
from flows.run.resources import Seats
from paragone.project import environment, extras, git, leftovers

BIN = Path(sys.executable).parent


class Plan(NamedTuple):
    """What a request comes to: the graph, the stages to visit and those to run though nothing changed."""

    graph: graphs.Graph
    visits: dict[str, set[str]]
    forced: frozenset[str]


def enter(root: Path) -> None:
    """Let this process and its children find the project's stores and, with no environment activated, its commands.

    Raises MissingExtraError where the packages that flows need are not installed.
    """
    extras.require("pipeline")
    environment.drop_launcher()
    environment.prepare(root)
    path = os.environ.get("PATH", os.defpath)
    if str(BIN) not in path.split(os.pathsep):
        os.environ["PATH"] = f"{BIN}{os.pathsep}{path}"


def make_plan(root: Path, request: Request) -> Plan:
    """Regenerate what the graph is made from, read it, and see what is to be visited; the flow's lock is held."""
    leftovers.sweep(root)
    for sentence in locks.restore(root):
        console.print(sentence, style="yellow")
    if reason := git.refusal(root):
        console.print(f"The runs will not name their commit: {reason}.", style="yellow")
    git.check_not_ignored(root, _pipelines(root))
    regenerate.prepare(root, request.profile, root / ".logs" / request.profile)
    git.check_not_ignored(root, pipelines := _pipelines(root))
    graph = graphs.read(root, request.profile, request.targets)
    _check_read(root, pipelines, graph)
    forced = frozenset(request.runs(graph)) if request.force else frozenset()
    targets = request.targets(graph)
    visits = graphs.plan(graph, targets, forced)
    seats = Seats(request.slots, request.gpus)
    for stage in visits:
        seats.check(stage, graph.processes.get(stage, 1))
    current = len(graphs.reach(targets, graph.upstream)) - len(visits)
    where = f", {len(request.gpus)} on a GPU" if request.gpus else ""
    console.print(
        f"Profile {request.profile}: {len(visits)} stages to visit, {current} current, {request.slots} at once{where}."
    )
    for sentence in (request.left_alone, gpus.explain(request.gpus, request.slots)):
        if visits and sentence:
            console.print(sentence, style="dim")
    return Plan(graph, visits, forced)


def _pipelines(root: Path) -> list[Path]:
    """The pipeline files of the project, relative to its root."""
    found = [root / "dvc.yaml", *sorted((root / "runs").rglob("dvc.yaml"))]
    return [file.relative_to(root) for file in found if file.is_file()]


def _check_read(root: Path, pipelines: list[Path], graph: graphs.Graph) -> None:
    """Raise ValueError for a pipeline that DVC did not read: its stages would silently never run again."""
    if missing := sorted(set(pipelines) - set(graph.pipelines.values())):
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise ValueError(
            f"DVC passes over {root / missing[0]}{more}; take the rule that names it out of .dvcignore or .gitignore"
        )


def unfinished(root: Path, request: Request, plan: Plan) -> str:
    """Let DVC look once more at the end, which the next start then need not; a sentence if something is not current."""
    graph = graphs.refresh(root, request.profile, request.targets, plan.visits)
    if not (left := sorted(graphs.plan(graph, request.targets(graph)))):
        return ""
    names = ", ".join(left[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
    return f"Changed while the flow ran, or always: {names}; start it again to bring them up to date."
