"""What has to run before a claim can be tested, and the commands that make it."""

from typing import NamedTuple

from paragone.project import paths
from paragone.project.params import Params
from paragone.report.claims.verdicts import Assessment
from paragone.results.claims.base import SEEDS, Verdict
from paragone.results.runs import Results


class Need(NamedTuple):
    """A claim that is not measured yet."""

    id: str
    reason: str
    missing: list[str]  # rows and studies
    commands: list[str]  # what makes them; none where no profile has them


def needs(assessments: list[Assessment], results: Results, params: Params) -> list[Need]:
    """The claims that are not measured yet, with what each lacks in this profile."""
    return [_need(j, results, params) for j in assessments if j.finding.verdict is Verdict.UNMEASURED]


def _need(assessment: Assessment, results: Results, params: Params) -> Need:
    claim, reason = assessment.claim, assessment.finding.reason
    profile = results.profile
    settings = params.get_profile(profile)
    absent = [row for row in claim.rows if row not in settings.models]
    absent += [f"study {name}" for name in claim.studies if name not in settings.studies]
    if absent:
        return Need(
            assessment.id,
            reason,
            [f"{name}: not in profile {profile}" for name in absent],
            _elsewhere(assessment, params),
        )
    undone = {row: why for row in claim.rows if (why := _undone(results, row))}
    late = [name for name in claim.studies if not (results.root / paths.study(profile, name)).exists()]
    missing = [f"{row}: {why}" for row, why in undone.items()] + [f"study {name}: has not run" for name in late]
    commands = []
    if undone:
        commands.append(f".venv/bin/python -m flows.benchmark --profile {profile} --models {','.join(undone)}")
    trunk = paths.trunk(profile, params.profile)
    commands += [f'PATH="$PWD/.venv/bin:$PATH" dvc repro {trunk}:study-{name}' for name in late]
    return Need(assessment.id, reason, missing, commands)


def _undone(results: Results, row: str) -> str:
    """How many runs of a row are not there, and why the first is not; "" if all ended."""
    runs = results.runs[results.runs["model"] == row]
    undone = runs[~runs["outcome"].isin(["finished", "diverged"])]
    if undone.empty:
        return ""
    first = undone.iloc[0]
    return f"{len(undone)} of {len(runs)} runs are not there ({first['name']} {first['outcome']}: {first['reason']})"


def _elsewhere(assessment: Assessment, params: Params) -> list[str]:
    """The command of a profile that has all that the claim rests on, and the seeds that a verdict takes if one has."""
    rows, studies = set(assessment.claim.rows), set(assessment.claim.studies)
    for name, profile in sorted(params.profiles.items(), key=lambda item: len(item[1].seeds) < SEEDS):
        if rows <= set(profile.models) and studies <= set(profile.studies):
            return [f"make demo PROFILE={name}"]
    return []
