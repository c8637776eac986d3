"""`paragone init`: a project outside of the clone, whole or not at all, and never over anything."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from paragone.cli import init
from paragone.project import installed, settings

TEMPLATE = Path(init.__file__).parent / "new_project"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "my-benchmark"
    init.run(folder)
    return folder


def test_a_project_is_whole(made):
    there = {str(f.relative_to(made)) for f in made.rglob("*") if f.is_file() and ".git/" not in str(f)}
    assert there == {
        ".dvc/.gitignore", ".dvc/config", ".dvcignore", ".gitignore", "Makefile", "README.md", "dvc.yaml",
        "params.yaml", "prefect.yaml", "profiles/first.yaml", "profiles/smoke.yaml", "schemas/params.json",
        "schemas/profile.json", "runs/package.json",
        *(f"runs/first/mnist-5k/{row}/dvc.yaml" for row in ("dcgan", "vae", "ddpm", "ddim")),
    }  # fmt: skip
    assert (made / "README.md").read_text().startswith("# my-benchmark\n")
    assert set(settings.load(made).profiles) == {"first", "smoke"}  # both can be run


def test_git_tracks_all_of_it(made):
    untracked = subprocess.run(["git", "status", "--porcelain"], cwd=made, capture_output=True, text=True, check=True)
    lines = untracked.stdout.splitlines()
    assert not lines or all(line.startswith("A ") for line in lines)  # staged at least, where git knows no name


def test_dvc_reads_it(made):
    command = [sys.executable, "-m", "dvc", "stage", "list", "--all", "--name-only"]
    listed = subprocess.run(command, cwd=made, capture_output=True, text=True, check=True).stdout
    for stage in ("code", "report", "runs/first/mnist-5k/dcgan/dvc.yaml:evaluate@0"):
        assert stage in listed.split()


def test_its_code_is_what_is_installed(made):
    note = json.loads((made / "runs/package.json").read_text())
    assert note == json.loads(installed.note(made))
    assert "- runs/package.json" in (made / "dvc.yaml").read_text()


def test_another_release_is_another_note(made, monkeypatch, tmp_path):
    before = installed.note(made)
    (tmp_path / "changed.py").write_text("x = 1\n")
    monkeypatch.setattr(installed, "_PACKAGE", tmp_path)
    assert installed.note(made) != before


def test_a_clone_depends_on_its_own_code(root):
    assert installed.in_clone(root)
    assert "- src/paragone" in (root / "dvc.yaml").read_text()


@pytest.mark.parametrize("name", [".gitignore", ".dvcignore", ".dvc/config", ".dvc/.gitignore"])
def test_what_git_and_dvc_ignore_is_as_in_the_clone(root, name):
    (short,) = [file for file, hidden in init.HIDDEN.items() if hidden == name]
    assert (TEMPLATE / short).read_bytes() == (root / name).read_bytes()


def test_a_folder_that_holds_something_stays_as_it_is(tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(ValueError, match="is not empty; name a new folder"):
        init.run(tmp_path)
    with pytest.raises(ValueError, match="is a file"):
        init.run(tmp_path / "note.txt")
    assert [f.name for f in tmp_path.iterdir()] == ["note.txt"]


def test_no_project_is_made_inside_of_another(made):
    with pytest.raises(ValueError, match=r"lies in .*my-benchmark, which is a project already \(params.yaml\)"):
        init.run(made / "inner/deep")
    assert not (made / "inner").exists()


def test_where_nothing_can_be_written_is_one_sentence():
    with pytest.raises(OSError, match=r"/proc/x: cannot be made .*; name a folder where you may write"):
        init.run(Path("/proc/x"))


def test_one_that_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(init.schema, "run", lambda folder: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        init.run(tmp_path / "new")
    assert not (tmp_path / "new").exists()
