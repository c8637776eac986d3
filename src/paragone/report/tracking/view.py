"""How MLflow's list of runs opens: current runs, their distances and times as columns, the lowest distance first.

MLflow keeps a view that somebody shared as a tag of the experiment, and opens it by an address that names the tag. The
form of the tag is its pages' own (3.17), and documented nowhere: where another release does not know it, the list opens
as it always did.
"""

import json
from typing import Any

from paragone.results import history
from paragone.results.columns.cost import TIMES
from paragone.results.runs import Results

NAME = "paragone"  # of the view, in the address
TAG = f"mlflow.sharedViewState.{NAME}"


def state(results: Results) -> str:
    """The view of a profile's runs, as the tag holds it."""
    shown = list(dict.fromkeys(c.key for dataset in results.datasets for c in history.shown(results, dataset)))
    measured = [*(f"metrics.`{key}`" for key in shown), *(f"metrics.`{c.key}`" for c in TIMES)]
    view: dict[str, Any] = {
        "searchFilter": "tags.`paragone.run` LIKE '%/%'",  # neither the benchmark's own run nor superseded ones
        "selectedColumns": ["params.`dataset`", "params.`seed`", *measured],
    }
    if shown:
        view |= {"orderByKey": f"metrics.`{shown[0]}`", "orderByAsc": True}
    return json.dumps(view, sort_keys=True)


def address(server: str, experiment: str) -> str:
    """Where a server shows the view of an experiment (its id)."""
    return f"{server}/#/experiments/{experiment}/runs?viewStateShareKey={NAME}"
