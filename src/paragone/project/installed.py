"""The package's code as DVC sees it: the folder itself in a clone; elsewhere a note of what is installed.

A project that `paragone init` made has no code of its own, and a path to where pip put the package would differ from
machine to machine. So the first stage depends on a small file with the version and a hash of every file, which
`paragone pipeline` brings up to date.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import paragone

CLONED = Path("src/paragone")
NOTE = Path("runs/package.json")
_PACKAGE = Path(__file__).parents[1]


def in_clone(root: Path) -> bool:
    """Whether a project holds the code itself."""
    return (root / CLONED).is_dir()


def dependency(root: Path) -> Path:
    """What the fingerprints of the code depend on, relative to the project's root."""
    return CLONED if in_clone(root) else NOTE


def code(root: Path) -> Iterator[tuple[str, Path]]:
    """(name, path) of every file of the package that a project runs, sorted."""
    folder = root / CLONED if in_clone(root) else _PACKAGE
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.parent.name != "__pycache__":
            yield str(file.relative_to(folder)), file


def note(root: Path) -> str:
    """The content of NOTE: the version, and a SHA-256 over the names and bytes of the package's files."""
    digest = hashlib.sha256()
    for name, file in code(root):
        digest.update(f"{name} {file.stat().st_size}\n".encode() + file.read_bytes())
    return json.dumps({"paragone": paragone.__version__, "sha256": digest.hexdigest()}, indent=1) + "\n"
