"""What a flow finds out before it runs anything."""

from pathlib import Path

import pytest

from flows.run.plan import make_plan
from flows.run.request import check
from support import stand_in


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return stand_in.build(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("file", "rule", "message"),
    [
        (".gitignore", "runs/", r"git ignores runs/all/.*vae/dvc.yaml \(and \d more\) by .gitignore line \d+, 'runs/'"),
        (".gitignore", "/dvc.yaml", "git ignores dvc.yaml by .gitignore"),
        (".dvcignore", "runs/all", r"DVC passes over .*/runs/all/.*dvc.yaml \(and \d more\)"),
        ("runs/.dvcignore", "quick", r"runs/quick/profile.json' is ignored by runs/.dvcignore:1:quick"),
    ],
)
def test_a_pipeline_that_dvc_would_pass_over_stops_the_flow(project: Path, file: str, rule: str, message: str) -> None:
    with (project / file).open("a") as rules:
        rules.write(f"{rule}\n")
    with pytest.raises((ValueError, RuntimeError), match=message):
        make_plan(project, check(project, gpus="none"))
    assert not (project / "data/prepared").exists()


def test_a_git_that_refuses_is_said_once_and_stops_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert make_plan(project, check(project, gpus="none")).visits
    printed = capsys.readouterr().out
    assert printed.count("The runs will not name their commit: git refuses") == 1
    assert "safe.directory" in printed
