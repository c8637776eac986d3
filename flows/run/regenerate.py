"""What the graph is made from, brought up to date before it is read: the pipelines and the code's fingerprints."""

import hashlib
from pathlib import Path

from flows.dvc.locks import FOLDER
from flows.run.processes import Guard, tail
from paragone.project import files, installed, paths, plugins, settings
from paragone.project.params import FILE


def stamp_file(profile: str) -> Path:
    """Holds the digest that there was when a profile was last prepared."""
    return FOLDER / f"prepared-{profile}.txt"


def prepare(root: Path, profile: str, logs: Path) -> None:
    """Make the pipelines of a profile and what its stages depend on, unless all is as it was when that last ended well.

    Raises RuntimeError with the end of the log of one that fails.
    """
    stamp, trunk = root / stamp_file(profile), paths.trunk(profile, settings.read(root).profile)
    if stamp.exists() and stamp.read_text() == digest(root, profile):
        return
    steps = {
        "pipeline": ["paragone", "pipeline", profile],
        "code": ["dvc", "--wait-for-lock", "repro", "--single-item", "code", f"{trunk}:profile"],
    }
    with Guard() as guard:
        for name, command in steps.items():
            if guard.run(command, root, logs / f"{name}.log"):
                raise RuntimeError(f"`{name}` failed; the end of its log:\n{tail(logs / f'{name}.log')}")
    files.write_text(stamp, digest(root, profile))


def digest(root: Path, profile: str) -> str:
    """A hash of the settings, the package's code, every pipeline file, the fingerprints and the resolved profile."""
    made = [root / "dvc.yaml", root / paths.CODE, root / paths.resolved(profile), *(root / "runs").glob("**/dvc.yaml")]
    found = sorted([root / FILE, *(root / "profiles").glob("*.yaml"), *(root / plugins.FOLDER).rglob("*.py"), *made])
    whole = hashlib.sha256()
    for name, file in [*((str(file.relative_to(root)), file) for file in found), *installed.code(root)]:
        content = file.read_bytes() if file.exists() else b""
        whole.update(f"{name} {len(content)}\n".encode() + content)
    return whole.hexdigest()
