"""`paragone compare` on a sample project: profiles, rows, runs, saved tables and committed ones."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from paragone.cli import compare
from paragone.evaluation.protocol_number import PRINTED, PROTOCOL
from paragone.results import schema
from paragone.results.comparison import ComparisonError
from support import ROOT, sample_project, settings_files


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    made = sample_project.load(root)
    settings_files.write(root, made.params.model_dump(mode="json", exclude_defaults=True))
    schema.write(schema.as_table(made.found.runs), root / "runs.parquet")
    for line in ("git init -q", "git add runs.parquet", "git -c user.name=a -c user.email=a@b commit -qm x"):
        subprocess.run(line.split(), cwd=root, check=True)
    return root


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("quick#dcgan", "quick#gan"),
        ("runs/quick/mnist-5k/dcgan", "runs/quick/mnist-5k/gan"),
        ("runs.parquet#dcgan", "HEAD:runs.parquet#gan"),
    ],
)
def test_every_form_of_a_side_gives_the_same(
    project: Path, a: str, b: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    assert compare.run(project, a, b, [], True, "")
    printed = json.loads(capsys.readouterr().out)
    assert printed["protocol"] == PROTOCOL
    found = printed["differences"]
    fd = next(d for d in found if (d["figure"], d["dataset"]) == ("fd_clf", "mnist-5k"))
    assert (fd["row_a"], fd["row_b"], fd["over"], fd["n"]) == ("DCGAN", "GAN", "paired seeds", 3)
    assert fd["difference"] == pytest.approx(fd["b"] - fd["a"])
    assert fd["difference"] > 0


def test_a_table_with_itself_has_no_difference_and_a_figure(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    assert compare.run(project, "runs.parquet", "quick", [("fd_clf", "0")], False, str(tmp_path / "x.png"))
    shown = capsys.readouterr().out
    assert "MNIST-5K" in shown or "mnist-5k" in shown
    assert "(Holm)" in shown
    assert PRINTED in " ".join(shown.split())
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_a_figure_has_a_form_that_can_be_drawn(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    with pytest.raises(ComparisonError, match=r"--figure x.foo: is no name of a figure; end it in .png, .svg, .pdf"):
        compare.run(project, "runs.parquet", "quick", [], False, "x.foo")


def test_worse_is_exit_code_1(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    assert not compare.run(project, "quick#dcgan", "quick#gan", [("fd_clf", "5%")], False, "")
    assert "worse: mnist-5k: FD-clf of GAN is" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing", "'nothing': names nothing to compare; give a profile"),
        ("nothing.parquet", "no such file"),
        ("quick#dcgam", "'quick#dcgam': has no finished run of dcgam; it has gan, dcgan"),
        ("nowhere:runs.parquet", "'nowhere:runs.parquet': fatal: "),
    ],
)
def test_a_side_that_names_nothing_is_refused(project: Path, text: str, message: str) -> None:
    with pytest.raises((ComparisonError, ValueError), match=message):
        compare.side(project, text)


@pytest.mark.parametrize(("worse", "code"), [(1.0, 0), (1.5, 1)])
def test_the_workflow_s_script_comments_and_fails_where_a_figure_got_worse(
    project: Path, tmp_path: Path, worse: float, code: int
) -> None:
    """With git and the command as they are, and a stand-in for cml that keeps the comment."""
    steps = yaml.safe_load((ROOT / "docs/compare.workflow.yml").read_text())["jobs"]["compare"]["steps"]
    repository = tmp_path / "repository"
    (repository / "reports/tables").mkdir(parents=True)
    (repository / ".venv").mkdir()
    (repository / ".venv/bin").symlink_to(Path(sys.executable).parent)
    table, file = schema.read(project / "runs.parquet"), repository / "reports/tables/runs.parquet"
    schema.write(table, file)
    shutil.copy(project / "params.yaml", repository)
    for line in ("git init -q -b main", "git add reports", "git -c user.name=a -c user.email=a@b commit -qm x"):
        subprocess.run(line.split(), cwd=repository, check=True)
    fd = "metrics.spaces.clf-mnist-5k.fd"
    schema.write(table.assign(**{fd: table[fd] * worse}), file)
    stub = tmp_path / "bin/cml"
    stub.parent.mkdir()
    stub.write_text('#!/bin/sh\n[ "$1 $2" = "comment create" ] && cp "$3" posted.md\n')
    stub.chmod(0o755)
    surroundings = {**os.environ, "PATH": f"{stub.parent}:{os.environ['PATH']}", "BASE": "main"}
    done = subprocess.run(["bash", "-e", "-c", steps[-1]["run"]], cwd=repository, env=surroundings, check=False)
    posted = (repository / "posted.md").read_text()
    assert done.returncode == code, posted
    assert posted.count("```") == 2
    assert ("worse: mnist-5k: FD-clf" in posted) == (worse > 1)
