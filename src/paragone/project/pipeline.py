"""Profiles as DVC pipelines: one trunk per profile (`trunk.py`), and one branch per (profile, data set, model) with its
seeds (`branch.py`).

Many small files, because DVC reads and rewrites the whole lock file of a pipeline for each stage that runs. A stage
depends on the keys that it uses of runs/code.yaml and of runs/<profile>/profile.json, which the trunk's first stage
makes of the profile's file and of those that it extends; so a change reruns what it touches and no more, wherever it
is made. Keys are whole entries: DVC does not notice when a stage no longer lists a key that it used to list.

The stages of a data set that the default profile does not use have a pipeline of their own, so that they stay where
they are whichever profiles there are pipelines for.
"""

from pathlib import Path

import yaml

from paragone.project import branch, installed, paths, profiles, trunk
from paragone.project.dvc_stage import Stage
from paragone.project.params import Params, ParamsError

HEADER = "# Generated from params.yaml and profiles/ by `paragone pipeline`; edit those and run it again.\n"
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the same text, in a fraction of the time
# folders beside those that a profile's name makes
TAKEN = ("classifier", "data", "figures", "site", "tables", "validation")


def generate(root: Path, params: Params) -> dict[Path, str]:
    """The text of every pipeline file of the profiles that `params` holds, by path relative to the root; outside of a
    clone also that of the note of what is installed.

    Raises ParamsError for a name that is taken.
    """
    found: dict[Path, dict[str, Stage]] = {}
    for name in _in_order(params):
        if name in TAKEN:
            raise ParamsError(f"{paths.profile(name)}: a folder has that name already; call the profile otherwise")
        found |= {
            paths.trunk(name, params.profile): dict(trunk.stages(root, params, name)),
            **branch.branches(root, params, name),
        }
    at_root = trunk.datasets(params, [params.profile])
    for dataset in trunk.datasets(params, _in_order(params)):
        if dataset not in at_root:
            found[paths.data_pipeline(dataset)] = dict(trunk.data(params, dataset))
    note = {} if installed.in_clone(root) else {installed.NOTE: installed.note(root)}
    return {file: _text(file, stages) for file, stages in found.items()} | note


def active(root: Path, default: str) -> list[str]:
    """The default profile, and those that have pipelines: which somebody asked for once and did not drop."""
    there = {file.relative_to(root).parts[1] for file in generated(root) if file.parent != root}
    return [*sorted((there & set(profiles.names(root))) - {default}), default]


def generated(root: Path) -> list[Path]:
    """The pipelines below root that were generated, by whichever release; one that a person wrote is theirs."""
    found = [root / "dvc.yaml", *sorted((root / "runs").rglob("dvc.yaml"))]
    return [file for file in found if file.is_file() and _is_generated(file.read_text().partition("\n")[0])]


def _is_generated(first_line: str) -> bool:
    return first_line.startswith("# Generated from params.yaml") and "`paragone pipeline`" in first_line


def outdated(root: Path, wanted: dict[Path, str], there: list[Path]) -> list[Path]:
    """The files that differ from what is wanted, and those of `there` (below root) that are not wanted at all."""
    changed = [f for f, text in wanted.items() if not (root / f).is_file() or (root / f).read_text() != text]
    return changed + [f for file in there if (f := file.relative_to(root)) not in wanted]


def check_branches(root: Path, params: Params, name: str) -> None:
    """Raise ParamsError unless the branches of a profile are those that it asks for now: DVC itself would go on with
    the rows and seeds of before an edit."""
    wanted = {file: _text(file, stages) for file, stages in branch.branches(root, params, name).items()}
    there = set((root / "runs" / name).glob("*/*/dvc.yaml"))
    if wrong := outdated(root, wanted, [file for file in generated(root) if file in there]):
        raise ParamsError(f"{wrong[0]}: not what {paths.profile(name)} asks for; run `paragone pipeline`")


def _in_order(params: Params) -> list[str]:
    return sorted(params.profiles, key=lambda name: (name != params.profile, name))  # the default profile first


def _text(file: Path, stages: dict[str, Stage]) -> str:
    return HEADER + yaml.dump({"stages": _at_root(file, stages)}, Dumper=DUMPER, sort_keys=False, width=1000)


def _at_root(file: Path, stages: dict[str, Stage]) -> dict[str, Stage]:
    """Commands run in the root and paths start there, wherever the file stands."""
    up = "/".join([".."] * len(file.parent.parts))
    if up:
        for stage in stages.values():
            body = stage.get("do", stage)
            body |= {"wdir": up, **{k: body.pop(k) for k in list(body)}}
    return stages
