"""Where a figure comes from: the commit, and whether tracked files differ from it; and what git keeps from DVC."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

OUTSIDE = "not a git repository"


class GitError(ValueError):
    """Git cannot say what is asked of it, or hides what it must not."""


def commit(root: Path) -> tuple[str | None, bool | None]:
    """(commit, dirty) of the git checkout at root; (None, None) outside of one, and with a warning where git fails."""
    if reason := refusal(root):
        print(f"paragone: warning: the commit of this run is not recorded: {reason}", file=sys.stderr)
        return None, None
    head = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    if head.returncode:  # outside of a repository, or in one without a commit
        return None, None
    return head.stdout.strip(), bool(_git(root, "status", "--porcelain", "--untracked-files=no").stdout.strip())


def refusal(root: Path) -> str | None:
    """Why git does not answer in this folder, and the way out; None if it does, or if this is no repository."""
    try:
        asked = _git(root, "rev-parse", "--is-inside-work-tree")
    except OSError as error:
        return f"git cannot be run ({error.strerror}); install git, or put it on the PATH"
    if asked.returncode == 0 or OUTSIDE in asked.stderr:
        return None
    if "dubious ownership" in asked.stderr or "unsafe repository" in asked.stderr:
        return (
            f"git refuses {root}, which belongs to another user; "
            f"`git config --global --add safe.directory {root}` allows it"
        )
    return f"git fails in {root} ({' '.join(asked.stderr.split())}); repair the repository"


def check_not_ignored(root: Path, pipelines: Iterable[Path]) -> None:
    """Raise GitError if git ignores one of these pipeline files, relative to root: DVC passes over them in silence."""
    names = [str(file) for file in pipelines]
    try:
        # The index does not count: DVC goes by the rules alone.
        asked = _git(root, "check-ignore", "--verbose", "--no-index", "-z", "--stdin", stdin="\0".join(names))
    except OSError:
        return  # no git; `refusal` says so
    fields = asked.stdout.split("\0")
    hidden = [(file, *rule) for *rule, file in zip(*[iter(fields)] * 4, strict=False) if not rule[2].startswith("!")]
    if not hidden:
        return
    file, source, line, pattern = hidden[0]
    more = f" (and {len(hidden) - 1} more)" if len(hidden) > 1 else ""
    raise GitError(
        f"git ignores {file}{more} by {source} line {line}, {pattern!r}, and DVC passes over what git ignores, so "
        "its stages would never run again; take that rule out, or negate it below"
    )


def _git(root: Path, *args: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["git", *args],
        cwd=root,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",  # names of files may be any bytes
        env={**os.environ, "LC_ALL": "C"},  # what it says is read
        check=False,
    )
