"""Where a figure comes from: the commit, and whether tracked files differ from it."""

import subprocess
from pathlib import Path


def commit(root: Path) -> tuple[str | None, bool | None]:
    """(commit, dirty) of the git checkout at root; (None, None) outside of one."""
    head = _git(root, "rev-parse", "HEAD")
    if head is None:
        return None, None
    return head, bool(_git(root, "status", "--porcelain", "--untracked-files=no"))


def _git(root: Path, *args: str) -> str | None:
    try:
        return subprocess.run(["git", *args], cwd=root, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
