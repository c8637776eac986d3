"""What the graph is made from, brought up to date before it is read: the pipelines and the code's fingerprints."""

import hashlib
from pathlib import Path

from flows.dvc.locks import FOLDER
from flows.run.processes import Guard, tail
from paragone.project import files, paths

STAMP = FOLDER / "prepared.txt"
STEPS = {
    "pipeline": ["paragone", "pipeline"],
    "code": ["dvc", "--wait-for-lock", "repro", "--single-item", "code"],
}


def prepare(root: Path, logs: Path) -> None:
    """Run both steps, unless nothing that goes in or comes out has changed since they last ended well.

    Raises RuntimeError with the end of the log of one that fails.
    """
    stamp = root / STAMP
    if stamp.exists() and stamp.read_text() == digest(root):
        return
    with Guard() as guard:
        for name, command in STEPS.items():
            if guard.run(command, root, logs / f"{name}.log"):
                raise RuntimeError(f"`{name}` failed; the end of its log:\n{tail(logs / f'{name}.log')}")
    files.write_text(stamp, digest(root))


def digest(root: Path) -> str:
    """A hash of params.yaml, the package's code, every pipeline file and the fingerprints."""
    code = [f for f in (root / "src/paragone").rglob("*") if f.is_file() and f.parent.name != "__pycache__"]
    found = [root / "params.yaml", root / "dvc.yaml", root / paths.CODE, *code, *(root / "runs").glob("**/dvc.yaml")]
    whole = hashlib.sha256()
    for file in sorted(found):
        content = file.read_bytes() if file.exists() else b""
        whole.update(f"{file.relative_to(root)} {len(content)}\n".encode() + content)
    return whole.hexdigest()
