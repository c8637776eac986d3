"""`paragone init`: a new project, with settings, a first profile, its pipelines, git and DVC set up."""

import shutil
import subprocess
from importlib import resources
from pathlib import Path

from paragone.cli import pipeline, schema
from paragone.project import environment, extras, files

HIDDEN = {  # files of the template that are named without their dot there, so that no tool passes over them
    "gitignore": ".gitignore",
    "dvcignore": ".dvcignore",
    "dvc-config": ".dvc/config",
    "dvc-gitignore": ".dvc/.gitignore",
}


def run(folder: Path) -> None:
    """Make a project in a new or empty folder, whole or not at all.

    Raises ValueError for any other folder or where git is missing, OSError where nothing can be written.
    """
    folder = folder.expanduser().resolve()
    check(folder)
    if shutil.which("git") is None:
        raise ValueError("git is not on the PATH, and DVC needs it; install git and run again")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"{folder}: cannot be made ({error.strerror}); name a folder where you may write") from None
    try:
        fill(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)  # it was empty, so all of it is ours
        raise
    print(f"\n{folder} is a project now. Next:\n\n  cd {folder}\n  paragone run\n")
    try:
        extras.require("pipeline")
    except extras.MissingExtraError as error:
        print(f"`paragone run`: {error}. Without it, `paragone --help` lists the stages, to be run by hand.")


def check(folder: Path) -> None:
    """Raise ValueError unless a project can be made here: over nothing, and inside of no other."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder}: is a file; name a new folder")
    if folder.is_dir() and any(folder.iterdir()):
        raise ValueError(f"{folder}: is not empty; name a new folder, or empty this one")
    for above in folder.parents:
        for mark in ("params.yaml", ".dvc/config"):
            if (above / mark).is_file():
                raise ValueError(f"{folder}: lies in {above}, which is a project already ({mark}); make it outside")


def fill(folder: Path) -> None:
    """Write the template's files, the schemas and the pipelines, and commit them."""
    with resources.as_file(resources.files("paragone.cli") / "new_project") as template:
        for file in sorted(f for f in template.rglob("*") if f.is_file()):
            name = str(file.relative_to(template))
            text = file.read_text(encoding="utf-8").replace("{name}", folder.name)
            files.write_text(folder / HIDDEN.get(name, name), text)
    environment.prepare(folder)
    schema.run(folder)
    _git(folder, "init", "-q")
    pipeline.run(folder, [])
    _git(folder, "add", ".")
    if _git(folder, "commit", "-q", "-m", "A new benchmark").returncode:
        print("Nothing is committed yet, since git does not know your name: `git config --global user.name` sets it.")


def _git(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
