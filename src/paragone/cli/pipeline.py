"""Write the generated DVC pipelines, or check that they are current."""

from pathlib import Path

from paragone.project import files, git, pipeline, profiles, settings, suggest
from paragone.project.params import FILE, Params


def run(root: Path, names: list[str], check: bool = False, drop: bool = False) -> None:
    """Bring the pipelines of the default profile, of those that have some and of the named ones up to date.

    With `drop`, the named ones have none afterwards; their results stay. With `check`, nothing is written. Raises
    ValueError naming what is not current, or what cannot be dropped.
    """
    default = settings.read(root).profile
    there = pipeline.active(root, default)
    for name in names if drop else []:
        if name == default:
            raise ValueError(f"{name}: is the profile of {FILE}, which keeps its pipelines; set `profile:` otherwise")
        if name not in there:
            raise ValueError(f"{name}: has no pipelines to drop; {suggest.hint(name, set(there) - {default})}")
    wanted = sorted(set(there) - set(names)) if drop else sorted({*there, *names})
    params = settings.load(root, *wanted)
    write(root, params, check)
    if not check:
        others = [name for name in profiles.names(root) if name not in wanted]
        print(f"pipelines of {', '.join(wanted)}" + (f"; none of {', '.join(others)}" if others else ""))


def write(root: Path, params: Params, check: bool = False) -> None:
    """Write what differs of the pipelines of these profiles, and remove generated files that belong to no other one.

    With `check`, write nothing. Raises ValueError naming a file that is not current.
    """
    wanted = pipeline.generate(root, params)
    wrong = pipeline.outdated(root, wanted, pipeline.generated(root))
    if check and wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise ValueError(f"{wrong[0]}{more}: not what params.yaml and profiles/ ask for; run `paragone pipeline`")
    for file in wrong if not check else []:
        if file in wanted:
            files.write_text(root / file, wanted[file])
        else:
            _remove(root, file)
    if not check:
        git.check_not_ignored(root, wanted)


def _remove(root: Path, file: Path) -> None:
    """Remove a pipeline with DVC's lock, and the folders below runs/ that hold nothing then."""
    (root / file).unlink()
    (root / file).with_name("dvc.lock").unlink(missing_ok=True)
    for folder in list(file.parents)[:-2]:
        if any((root / folder).iterdir()):
            break
        (root / folder).rmdir()
