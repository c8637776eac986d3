"""Git's answers: the commit of a run, why there is none, and which pipelines its rules hide from DVC."""

import os
import subprocess
from pathlib import Path

import pytest

from paragone.project import git


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with a commit, and a project in a folder of it."""
    project = tmp_path / "repository/project"
    project.mkdir(parents=True)
    (project / "params.yaml").write_text("profile: quick\n")
    for line in ("git init -q ..", "git add .", "git -c user.name=a -c user.email=a@b commit -qm x"):
        subprocess.run(line.split(), cwd=project, check=True)
    return project


def test_the_commit_and_whether_files_differ_from_it(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head, dirty = git.commit(checkout)
    assert head is not None
    assert len(head) == 40
    assert dirty is False
    (checkout / "params.yaml").write_text("profile: smoke\n")
    assert git.commit(checkout) == (head, True)
    assert capsys.readouterr().err == ""


def test_outside_of_a_repository_and_before_the_first_commit_there_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert git.commit(tmp_path) == (None, None)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    assert git.commit(tmp_path) == (None, None)
    assert capsys.readouterr().err == ""


def test_a_git_that_refuses_is_reported_with_the_way_out(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    assert git.commit(checkout) == (None, None)
    printed = capsys.readouterr().err
    assert f"git refuses {checkout}, which belongs to another user" in printed
    assert f"git config --global --add safe.directory {checkout}" in printed


def test_a_broken_repository_is_reported(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout.parent / ".git/config").write_text("[core\n")
    assert git.commit(checkout) == (None, None)
    assert "git fails in" in capsys.readouterr().err


def test_a_missing_git_is_reported(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert git.commit(checkout) == (None, None)
    assert "git cannot be run" in capsys.readouterr().err
    git.check_not_ignored(checkout, [Path("dvc.yaml")])


RULES = {
    "the folder, in a repository above": ("../.gitignore", "runs/"),
    "the folder, by a path from the top": ("../.gitignore", "/project/runs"),
    "the folder": (".gitignore", "runs"),
    "the files": (".gitignore", "dvc.yaml"),
    "everything": (".gitignore", "*"),
    "a rule deep inside": ("runs/quick/.gitignore", "*.yaml"),
    "the clone's own exclude": ("../.git/info/exclude", "project/runs/*"),
}


@pytest.mark.parametrize("what", RULES)
def test_a_pipeline_that_git_ignores_is_an_error_that_names_the_rule(checkout: Path, what: str) -> None:
    pipelines = [Path("runs/quick/dvc.yaml"), Path("runs/smoke/dvc.yaml")]
    for file in pipelines:
        (checkout / file).parent.mkdir(parents=True)
        (checkout / file).write_text("stages: {}\n")
    subprocess.run(["git", "add", "."], cwd=checkout, check=True)  # DVC goes by the rules, tracked or not
    git.check_not_ignored(checkout, pipelines)
    file, rule = RULES[what]
    (checkout / file).write_text(f"# Rules\n{rule}\n")
    with pytest.raises(git.GitError, match=r"git ignores runs/quick/dvc.yaml") as caught:
        git.check_not_ignored(checkout, pipelines)
    assert f"{os.path.basename(file)} line 2, {rule!r}" in str(caught.value)  # noqa: PTH119
    (checkout / file).write_text(f"{rule}\n!{rule}\n")
    git.check_not_ignored(checkout, pipelines)


def test_the_excludes_of_a_user_count_too(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "git").mkdir()
    (tmp_path / "git/ignore").write_text("dvc.yaml\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(git.GitError, match=r"git/ignore line 1, 'dvc.yaml'"):
        git.check_not_ignored(checkout, [Path("runs/quick/dvc.yaml")])
