"""The command line: one sentence and exit code 1 for bad input, a note beside a run that failed."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from paragone.cli import app
from support import stand_in

STAGES = ["ingest", "validate", "classifier", "reference", "train", "sample", "evaluate", "report", "track", "pipeline"]


def paragone(*args, cwd):
    return subprocess.run(
        [sys.executable, "-m", "paragone", *args], cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def project(root, tmp_path):
    shutil.copy(root / "params.yaml", tmp_path)
    return tmp_path


def test_help_names_every_stage(project):
    text = paragone("--help", cwd=project).stdout
    assert all(stage in text for stage in STAGES)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["train", "quick", "mnist-5k", "dcgam"], "profiles.quick.models has no model 'dcgam'; did you mean dcgan"),
        (["train", "quik", "mnist-5k", "dcgan"], "profiles has no profile 'quik'; did you mean quick?"),
        (["ingest", "mnits"], "datasets has no data set 'mnits'; did you mean mnist"),
        (["train", "quick", "mnits", "dcgan"], "datasets has no data set 'mnits'; did you mean mnist"),
        (
            ["train", "quick", "celeba-64", "dcgan"],
            "profiles.quick.datasets: does not name 'celeba-64'; known: mnist-5k",
        ),
        (["train", "quick", "shapes", "gan"], "profile 'quick' does not run 'gan' on 'shapes'; it runs dcgan, vae"),
        (["sample", "quick", "mnist-5k", "dcgan"], "model.safetensors: no such file"),
    ],
)
def test_bad_input_is_one_sentence(project, args, message):
    done = paragone(*args, cwd=project)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.startswith("paragone: ")
    assert done.stderr.count("\n") == 1


def test_a_number_out_of_range_stops_every_stage(project):
    values = yaml.safe_load((project / "params.yaml").read_text())
    values["profiles"]["smoke"]["models"]["wgan"]["config"]["z_dim"] = True
    (project / "params.yaml").write_text(yaml.safe_dump(values))
    for args in (["pipeline"], ["train", "smoke", "mnist-5k", "wgan"], ["ingest", "mnist-5k"]):
        done = paragone(*args, cwd=project)
        assert done.returncode == 1
        assert "profiles.smoke.models.wgan.config.z_dim: is True; give a number" in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_row_can_ask_for_two_processes(project):
    values = yaml.safe_load((project / "params.yaml").read_text())
    values["profiles"]["smoke"]["models"]["vae"]["processes"] = 2
    (project / "params.yaml").write_text(yaml.safe_dump(values))
    assert paragone("pipeline", cwd=project).returncode == 0
    stages = yaml.safe_load((project / "runs/smoke/mnist-5k/vae/dvc.yaml").read_text())["stages"]
    assert stages["sample"]["do"]["cmd"].startswith("paragone sample")
    command = stages["train"]["do"]["cmd"].replace("${item}", "0")
    assert command.startswith("torchrun --standalone --nproc-per-node 2 -m paragone train smoke mnist-5k vae")
    assert paragone("ingest", "mnist-5k", cwd=project).returncode == 0
    there = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        command.split(), cwd=project, env=os.environ | there, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    run = project / "runs/smoke/mnist-5k/vae/0"
    assert json.loads((run / "train.json").read_text())["processes"] == 2
    two = (run / "curves.csv").read_text().splitlines()
    assert paragone("train", "smoke", "mnist-5k", "vae", cwd=project).returncode == 0
    assert json.loads((run / "train.json").read_text())["processes"] == 1
    one = (run / "curves.csv").read_text().splitlines()
    assert len(one) == len(two) > 3
    assert one[0] == two[0]


def test_outside_of_a_project_it_says_so(tmp_path):
    done = paragone("ingest", "mnist-5k", cwd=tmp_path)
    assert done.returncode == 1
    assert "no params.yaml" in done.stderr


def test_a_failed_stage_leaves_a_note_for_the_report_and_a_success_removes_it(project):
    branch = project / "runs/smoke/mnist-5k/gan"
    branch.mkdir(parents=True)
    paragone("sample", "smoke", "mnist-5k", "gan", cwd=project)
    note = json.loads((branch / "0/failure.json").read_text())
    assert note["stage"] == "sample"
    assert "model.safetensors" in note["reason"]
    assert paragone("ingest", "mnist-5k", cwd=project).returncode == 0
    done = paragone("train", "smoke", "mnist-5k", "gan", cwd=project)
    assert done.returncode == 0, done.stderr
    assert not (branch / "0/failure.json").exists()
    assert {"model.safetensors", "train.json", "curves.csv"} <= {file.name for file in (branch / "0").iterdir()}
    assert not (project / ".ckpt/runs/smoke/mnist-5k/gan/0").exists()


@pytest.mark.parametrize("mine", [True, False])
def test_parameters_edited_while_a_training_runs_are_not_taken_for_its_own(project, mine):
    def edit(row, kimg):
        values = yaml.safe_load((project / "params.yaml").read_text())
        values["profiles"]["smoke"]["models"][row]["plan"]["kimg"] = kimg
        (project / "params.yaml").write_text(yaml.safe_dump(values))

    (project / "runs/smoke/mnist-5k/gan").mkdir(parents=True)
    edit("gan", 30)
    assert paragone("ingest", "mnist-5k", cwd=project).returncode == 0
    command = [sys.executable, "-m", "paragone", "train", "smoke", "mnist-5k", "gan"]
    training = subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE, text=True)
    while not list((project / ".ckpt").glob("**/log.jsonl")):
        assert training.poll() is None
        time.sleep(0.02)
    edit("gan" if mine else "dcgan", 31)
    said = training.communicate(timeout=300)[1]
    assert training.returncode == int(mine), said
    assert ("what 'train' of gan goes by was edited while it ran; start again" in said) == mine
    assert (project / "runs/smoke/mnist-5k/gan/0/failure.json").exists() == mine


@pytest.mark.parametrize("name", re.findall(r"_stage\(\"(\w+)\"", Path(app.__file__).read_text()))
def test_the_module_of_every_command_is_where_the_command_looks(name: str) -> None:
    assert callable(app._module(name).run)


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
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(stand_in.SMALL))
    command = [os.fsencode(sys.executable), b"-m", b"paragone", b"ingest", name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, check=False)
    assert done.returncode == 1
    assert b"has no data set '" + shown + b"'" in done.stderr
