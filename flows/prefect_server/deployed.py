"""The flows that prefect.yaml deploys: a benchmark, and a check of the data.

A worker runs each in a process of its own, in the project's folder. Its parameters are those of `flows.benchmark`.
"""

from collections.abc import Callable
from pathlib import Path

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.dvc import locks
from flows.prefect_server.recorded import visit
from flows.prefect_server.refresh_data import refresh
from flows.run.plan import enter, make_plan, unfinished
from flows.run.processes import end_with_parent
from flows.run.request import check
from paragone.project import environment


@flow
def benchmark(
    profile: str = "",
    datasets: list[str] | None = None,
    models: list[str] | None = None,
    seeds: list[int] | None = None,
    slots: int = 0,
    gpus: str = "auto",
    force: bool = False,
    hours: float | None = None,
) -> State:
    """Bring a profile, or a part of it, up to date.

    Args:
        profile: a profile of profiles/; the default one if empty
        datasets: only these of its data sets
        models: only these of its models, and the parents they need
        seeds: only these of its seeds
        slots: stages at once; 0: one a physical core
        gpus: auto, all (at least one), none, or ids as 0,1
        force: run the chosen runs' stages again, though they are current
        hours: that a stage may take; the profile's `stage_hours` if empty
    """

    def work(root: Path) -> State:
        request = check(
            root,
            profile=profile,
            datasets=datasets or (),
            models=models or (),
            seeds=seeds or (),
            slots=slots,
            gpus=gpus,
            force=force,
            hours=hours,
        )
        with locks.only_flow(root, f"profile {request.profile}"):
            plan = make_plan(root, request)
            failed = bool(plan.visits) and visit(root, request, plan)
            left = unfinished(root, request, plan) if plan.visits and not failed else ""
        return Failed(message="some stages failed; see the artifact of failures") if failed else Completed(message=left)

    return _in_project(work)


@flow(name="refresh-data")
def refresh_data(profile: str = "") -> State:
    """Fetch a profile's data sets again, compare them with what is there by their hashes, and validate them.

    Args:
        profile: a profile of profiles/; the default one if empty
    """
    return _in_project(lambda root: refresh(root, check(root, profile=profile)))


def _in_project(work: Callable[[Path], State]) -> State:
    """Work in the project that the worker started this process in; bad input ends the run with its one sentence."""
    end_with_parent()
    root = environment.find_root()
    enter(root)
    try:
        return work(root)
    except (ValueError, OSError, RuntimeError) as error:
        return Failed(message=str(error))
