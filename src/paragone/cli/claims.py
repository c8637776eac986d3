"""The verdicts on the surveys' claims, for the terminal or for machines; and what a profile lacks for them."""

import json
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from paragone.evaluation.protocol_number import PROTOCOL
from paragone.project import paths
from paragone.project.params import Params
from paragone.report.claims import plan as claim_plan
from paragone.report.claims import verdicts
from paragone.report.claims.verdicts import Assessment
from paragone.results import runs
from paragone.results.runs import Results

COLOURS = {
    "supported": "green",
    "smaller than claimed": "yellow",
    "no effect": "cyan",
    "contradicted": "red",
    "mixed": "yellow",
    "too uncertain": "dim",
}
Form = Literal["table", "json", "csv"]


def run(root: Path, params: Params, profile: str = "", plan: bool = False, form: Form = "table") -> None:
    """Print every claim with its verdict and evidence, by the runs of a profile; with `plan`, what has to run for those
    that are not measured yet. Raises ValueError where nothing has run."""
    name = profile or (verdicts.PROFILE if verdicts.PROFILE in params.profiles else params.profile)
    found = runs.read(root, params, name)
    if not plan and not (found.runs["outcome"] == "finished").any():
        raise ValueError(_nothing(root, params, name))
    assessments = verdicts.assess(found, params)
    if plan:
        _plan(found, claim_plan.needs(assessments, found, params), form)
    else:
        _verdicts(found, assessments, form)


def run_table(table: Path, studies: Path | None, form: Form = "table") -> None:
    """The same by a saved table of runs and a folder of studies, with no runs at hand. Raises ValueError."""
    _verdicts(*verdicts.assess_file(table, studies), form)


def _nothing(root: Path, params: Params, name: str) -> str:
    """That a profile has no results, how to make them, and which profiles have some."""
    others = [p for p in params.profiles if any((root / paths.Run(p, "", "", 0).branch).glob("*/*/*/metrics.json"))]
    hint = f", or name a profile that has runs: {', '.join(others)}" if others else ""
    return (
        f"no run of profile {name} has finished, so there is no evidence; `make demo PROFILE={name}` makes "
        f"them (`paragone claims {name} --plan` says what is missing){hint}"
    )


def _verdicts(found: Results, assessments: list[Assessment], form: Form) -> None:
    if form == "json":
        print(
            json.dumps(
                {"profile": found.profile, "protocol": PROTOCOL, "claims": verdicts.records(assessments)}, indent=2
            )
        )
        return
    if form == "csv":
        print(verdicts.effects_csv(assessments), end="")
        return
    table = _table(
        f"The surveys' claims, tested on profile {found.profile}, protocol {PROTOCOL}", "verdict", "claim", "evidence"
    )
    for j in assessments:
        verdict = Text(j.finding.verdict, style=COLOURS.get(j.finding.verdict, "dim"))
        table.add_row(j.id, verdict, j.claim.sentence, Text(j.finding.reason))
    Console().print(table)


def _table(title: str, *headers: str) -> Table:
    table = Table(title=title, show_lines=True)
    for header in ("claim", *headers):
        table.add_column(header)
    return table


def _plan(found: Results, needs: list[claim_plan.Need], form: Form) -> None:
    """What each claim lacks, and the commands that make it."""
    if form == "json":
        print(json.dumps({"profile": found.profile, "needs": [n._asdict() for n in needs]}, indent=2))
        return
    if form == "csv":
        raise ValueError("--plan has no CSV form; take --json")
    console = Console()
    title = f"Claims that are not measured yet by the runs of profile {found.profile}"
    table = _table(title, "why", "what is missing")
    makers: dict[str, list[str]] = {}
    for need in needs:
        table.add_row(need.id, Text(need.reason), Text("\n".join(need.missing)))
        for command in need.commands:
            makers.setdefault(command, []).append(need.id)
    console.print(table)
    for command, ids in makers.items():
        console.print(f"{command}    # {', '.join(ids)}", soft_wrap=True, highlight=False)
    undone = int((~found.runs["outcome"].isin(["finished", "diverged"])).sum())
    console.print(f"{undone} of {len(found.runs)} runs of profile {found.profile} are not there", end="")
    console.print(f"; `make demo PROFILE={found.profile}` makes them, and its studies" if undone else "")
