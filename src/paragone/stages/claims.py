"""The verdicts on the surveys' sentences, on the terminal; and what a profile lacks for them."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from paragone.params import Params
from paragone.report import claims, results

COLOURS = {"supported": "green", "contradicted": "red", "mixed": "yellow", "too uncertain to say": "yellow"}


def run(root: Path, params: Params, profile: str, plan: bool = False) -> None:
    """Print a line a claim: its verdict and evidence; with `plan`, what has to run for those not measured yet."""
    found = results.read(root, params, profile)
    judged = claims.judge(found, params)
    table = Table(title=f"The surveys' sentences, by the runs of profile {profile}", show_lines=True)
    for header in ("claim", "verdict", "sentence", "missing" if plan else "evidence"):
        table.add_column(header)
    for j in judged:
        if plan and j.finding.effects:
            continue
        colour = COLOURS.get(j.finding.verdict, "dim")
        table.add_row(j.id, f"[{colour}]{j.finding.verdict}[/]", j.claim.sentence, j.finding.reason)
    console = Console()
    console.print(table)
    if plan:
        _plan(console, found)


def _plan(console: Console, found: results.Results) -> None:
    """The runs of the profile that are not there yet, and the command that makes them."""
    missing = found.runs[found.runs["outcome"] != "finished"]
    console.print(f"{len(missing)} of {len(found.runs)} runs of profile {found.profile} are not finished", end="")
    console.print(f"; `make demo PROFILE={found.profile}` runs them" if len(missing) else "")
    for name, reason in zip(missing["name"], missing["reason"], strict=True):
        console.print(f"  {name}: {reason}", highlight=False)
