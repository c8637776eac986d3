"""Whether every row's networks can be built: what `project.checks` cannot tell from the settings alone.

A size that does not halve, heads that do not divide a width, a parent of the wrong kind: a model says so when it is
built, which is when its training begins, after its parents'. Here all are built without memory for their weights (on
torch's device `meta`), in seconds.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from paragone.project import paths, registry
from paragone.project.params import Params, ParamsError

if TYPE_CHECKING:  # torch is slow to import, and many commands do without
    from paragone.models.base import Spec


def check(params: Params, profile: str) -> None:
    """Raise ParamsError for the first row of a profile whose networks cannot be built, on any data set of its size.

    What a data set has is known once it is there: colour images with ten classes are tried first, then grey ones,
    images without labels, and of two levels. Rows that start from a guest are left out.
    """
    from paragone.models.base import Spec

    done, settings = set(), params.get_profile(profile)
    for dataset in settings.datasets:
        side = params.get_dataset(dataset).resolution
        specs = [Spec((c, side, side), classes, levels) for levels in (256, 2) for classes in (10, 0) for c in (3, 1)]
        for row in settings.rows(dataset):
            if _of_guests(params, profile, row):
                continue
            known = row, side, json.dumps(params.config(profile, dataset, row))
            if known not in done:
                _check_row(params, profile, dataset, row, specs)
            done.add(known)


def _of_guests(params: Params, profile: str, row: str) -> bool:
    """Whether a row is a guest or starts from one."""
    if params.entry(profile, row).guest:
        return True
    return any(_of_guests(params, profile, parent) for parent in params.parent_rows(profile, row).values())


def _check_row(params: Params, profile: str, dataset: str, row: str, specs: "Sequence[Spec]") -> None:
    problems = []
    for spec in specs:
        try:
            _build(params, profile, dataset, row, spec)
        except ValueError as error:
            problems.append(str(error))
        except Exception:
            return
        else:
            return
    raise ParamsError(f"{paths.profile(profile)}: models.{row}, on '{dataset}': {problems[0]}")


def _build(params: Params, profile: str, dataset: str, row: str, spec: "Spec") -> Any:
    """The network of a row, on those of its parents; a feature network is whatever can be called."""
    import torch

    rows = params.parent_rows(profile, row)
    parents = {role: _build(params, profile, dataset, parent, spec) for role, parent in rows.items()}
    parents |= {role: torch.nn.Identity() for role in params.features(profile, row)}
    config = params.config(profile, dataset, row)
    with torch.device("meta"):
        return registry.build_model(params.model(profile, row), spec, config, parents)
