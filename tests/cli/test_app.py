"""The command line: one sentence and exit code 1 for bad input, a note beside a run that failed."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
import yaml

from paragone.cli import app
from support import settings_files, stand_in

STAGES = ["ingest", "validate", "classifier", "reference", "train", "sample", "evaluate", "report", "track", "pipeline"]


def paragone(*args, cwd):
    return subprocess.run(
        [sys.executable, "-m", "paragone", *args], cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )


def inside(*args, cwd):
    """The same in this process, which has imported torch already."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    kept = mock.patch.dict(os.environ), mock.patch.object(app.environment, "start_in_utf8")  # which may start it anew
    with contextlib.chdir(cwd), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), kept[0], kept[1]:
        try:
            app.main(lambda: app.app(list(args), prog_name="paragone"))
        except SystemExit as end:
            code = end.code or 0
    return subprocess.CompletedProcess(args, code, out.getvalue(), err.getvalue())


@pytest.fixture
def project(root, tmp_path):
    return settings_files.copy(root, tmp_path)


@pytest.fixture(scope="module")
def prepared(root, tmp_path_factory):
    """The folder data/ of a project that has its digits."""
    folder = settings_files.copy(root, tmp_path_factory.mktemp("prepared"))
    assert inside("ingest", "mnist-smoke", cwd=folder).returncode == 0
    return folder / "data"


def test_help_names_every_stage(project):
    text = paragone("--help", cwd=project).stdout
    assert all(stage in text for stage in STAGES)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ["train", "quick", "mnist-5k", "dcgam"],
            "profiles/quick.yaml: models has no model 'dcgam'; did you mean 'dcgan'",
        ),
        (
            ["train", "quik", "mnist-5k", "dcgan"],
            "profiles/quik.yaml: profiles has no profile 'quik'; did you mean 'quick'?",
        ),
        (["ingest", "mnits"], "datasets has no data set 'mnits'; did you mean 'mnist'"),
        (["train", "quick", "mnits", "dcgan"], "datasets has no data set 'mnits'; did you mean 'mnist'"),
        (
            ["train", "quick", "celeba-64", "dcgan"],
            "profiles/quick.yaml: datasets: does not name 'celeba-64'; known: mnist-5k",
        ),
        (
            ["train", "quick", "few-shapes", "gan"],
            (
                "profiles/quick.yaml: datasets.few-shapes: does not name row 'gan'; add it, or choose one of those: "
                "wgan_gp, vae"
            ),
        ),
        (["sample", "quick", "mnist-5k", "dcgan"], "model.safetensors: no such file"),
    ],
)
def test_bad_input_is_one_sentence(project, args, message):
    done = paragone(*args, cwd=project)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.startswith("paragone: ")
    assert done.stderr.count("\n") == 1


def edit(project, row, **values):
    settings_files.edit(project, "smoke", lambda p: p["models"][row].update(values))


def test_a_number_out_of_range_stops_what_uses_its_row(project):
    edit(project, "wgan", config={"z_dim": True})
    for args in (["pipeline", "smoke"], ["check"], ["profile", "smoke"], ["train", "smoke", "mnist-smoke", "wgan"]):
        done = inside(*args, cwd=project)
        assert done.returncode == 1
        assert "profiles/smoke.yaml: models.wgan.config.z_dim: is True; give a number" in done.stderr
        assert done.stderr.count("\n") == 1
    assert inside("pipeline", cwd=project).returncode == 0  # of the default profile alone


def test_a_row_can_ask_for_two_processes(project, prepared):
    shutil.copytree(prepared, project / "data")
    edit(project, "vae", processes=2)
    assert inside("pipeline", "smoke", cwd=project).returncode == 0
    stages = yaml.safe_load((project / "runs/smoke/mnist-smoke/vae/dvc.yaml").read_text())["stages"]
    assert stages["sample"]["do"]["cmd"].startswith("paragone sample")
    command = stages["train"]["do"]["cmd"].replace("${item}", "0")
    assert command.startswith("torchrun --standalone --nproc-per-node 2 -m paragone train smoke mnist-smoke vae")
    there = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        command.split(), cwd=project, env=os.environ | there, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    run = project / "runs/smoke/mnist-smoke/vae/0"
    assert json.loads((run / "train.json").read_text())["processes"] == 2
    two = (run / "curves.csv").read_text().splitlines()
    assert inside("train", "smoke", "mnist-smoke", "vae", cwd=project).returncode == 0
    assert json.loads((run / "train.json").read_text())["processes"] == 1
    one = (run / "curves.csv").read_text().splitlines()
    assert len(one) == len(two) > 3
    assert one[0] == two[0]


def test_outside_of_a_project_it_says_so(tmp_path):
    done = paragone("ingest", "mnist-5k", cwd=tmp_path)
    assert done.returncode == 1
    assert "no params.yaml" in done.stderr


def test_a_failed_stage_leaves_a_note_for_the_report_and_a_success_removes_it(project, prepared):
    branch = project / "runs/smoke/mnist-smoke/gan"
    branch.mkdir(parents=True)
    inside("sample", "smoke", "mnist-smoke", "gan", cwd=project)
    note = json.loads((branch / "0/failure.json").read_text())
    assert note["stage"] == "sample"
    assert "model.safetensors" in note["reason"]
    shutil.copytree(prepared, project / "data")
    done = paragone("train", "smoke", "mnist-smoke", "gan", cwd=project)
    assert done.returncode == 0, done.stderr
    assert not (branch / "0/failure.json").exists()
    assert {"model.safetensors", "train.json", "curves.csv"} <= {file.name for file in (branch / "0").iterdir()}
    assert not (project / ".ckpt/runs/smoke/mnist-smoke/gan/0").exists()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"\x1b[2J\x1b[31mx", b"\\x1b[2J\\x1b[31mx"),  # clears the screen
        (b"\x1b]0;title\x07", b"\\x1b]0;title\\x07"),  # renames the window
        (b"a\rb", b"a\\rb"),  # writes over the line
        (b"caf\xe9", b"caf\\udce9"),  # is not UTF-8
        ("\u202egnp".encode(), b"\\u202egnp"),  # turns the direction of writing
        ("é → 漢".encode(), "é → 漢".encode()),
    ],
)
def test_a_message_gives_a_terminal_no_orders(tmp_path, name, shown):
    settings_files.write(tmp_path, stand_in.SMALL)
    command = [os.fsencode(sys.executable), b"-m", b"paragone", b"ingest", name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=300, check=False)
    assert done.returncode == 1
    assert b"has no data set '" + shown + b"'" in done.stderr
