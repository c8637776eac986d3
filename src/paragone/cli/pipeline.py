"""Write the generated DVC pipelines, or check that they are current."""

from pathlib import Path

from paragone.project import files, git
from paragone.project.params import Params
from paragone.project.pipeline import HEADER, generate


def run(root: Path, params: Params, check: bool = False) -> None:
    """Write what differs and remove generated files that nothing asks for any more.

    With `check`, write nothing. Raises ValueError naming a file that is not current, or that git ignores.
    """
    wanted = generate(params)
    changed = [f for f, text in wanted.items() if not (root / f).is_file() or (root / f).read_text() != text]
    stale = [f for f in _generated(root) if f not in wanted]
    if check and (changed or stale):
        more = f" (and {len(changed + stale) - 1} more)" if len(changed + stale) > 1 else ""
        raise ValueError(f"{(changed + stale)[0]}{more}: not what params.yaml asks for; run `paragone pipeline`")
    if check:
        return
    for file in changed:
        files.write_text(root / file, wanted[file])
    for file in stale:
        (root / file).unlink()
        (root / file).with_name("dvc.lock").unlink(missing_ok=True)
    git.check_not_ignored(root, wanted)


def _generated(root: Path) -> list[Path]:
    """The pipelines below root that were generated; one that a person wrote is theirs."""
    found = [root / "dvc.yaml", *sorted((root / "runs").rglob("dvc.yaml"))]
    return [f.relative_to(root) for f in found if f.is_file() and f.read_text().startswith(HEADER)]
