"""What is asked for is checked before any work starts, and a wrong name comes with the right one."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flows.dvc.graph import Graph
from flows.run.request import RequestError, check
from paragone.project.params import ParamsError
from support import ROOT, settings_files
from support.stand_in import SMALL

BRANCH = "runs/all/{}/vae/dvc.yaml"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    settings_files.write(tmp_path, SMALL)
    return tmp_path


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"profile": "quikc"}, r"profiles has no profile 'quikc'; did you mean 'quick'\?"),
        ({"profile": "all", "datasets": ["digit"]}, r"all.yaml: datasets has no data set 'digit'; did you mean"),
        ({"models": ["dppm"]}, r"profiles/quick.yaml: models has no model 'dppm'; did you mean 'ddpm'"),
        ({"models": ["unknown"]}, r"known: ddpm, ddim"),
        ({"seeds": [3]}, r"profiles/quick.yaml: seeds has no seed '3'; known: 0"),
        ({"slots": -1}, r"slots: -1 stages"),
        ({"gpus": "0,banana"}, r"no GPU '(0|banana)' here"),
        ({"hours": 0.0}, r"limit: a stage cannot take 0.0 hours"),
        ({"hours": float("nan")}, r"limit: a stage cannot take nan hours"),
    ],
)  # fmt: skip
def test_what_there_is_not_is_one_sentence(
    project: Path, monkeypatch: pytest.MonkeyPatch, choice: dict[str, Any], message: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(ValueError, match=message) as caught:
        check(project, **choice)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "profiles: []", "a: 1", "[1", "profile: x"])
def test_a_params_file_that_is_none(project: Path, text: str) -> None:
    (project / "params.yaml").write_text(text)
    with pytest.raises(ParamsError, match=r"params\.yaml: "):
        check(project)


def test_the_whole_profile_or_a_part_of_it(project: Path) -> None:
    every = {f"{BRANCH.format(d)}:{s}@{n}": Path(BRANCH.format(d))
             for d in ("digits", "clothes") for s in ("train", "evaluate") for n in (0, 1)}  # fmt: skip
    graph = Graph({stage: set() for stage in every}, set(), every)
    whole = check(project, profile="all", datasets=["clothes", "digits"])
    assert whole.targets(graph) == [whole.report] == ["runs/all/dvc.yaml:report"]
    part = check(project, profile="all", datasets=["digits"], seeds=[1])
    assert part.targets(graph) == [f"{BRANCH.format('digits')}:evaluate@1"]
    assert part.runs(graph) == [f"{BRANCH.format('digits')}:{s}@1" for s in ("evaluate", "train")]
    with pytest.raises(RequestError, match="no run fits"):
        part.runs(Graph({}, set(), {}))


def test_the_limit_is_the_profiles_unless_it_is_given(project: Path) -> None:
    settings_files.edit(project, "quick", lambda p: p.update(stage_hours=2))
    assert check(project).hours == 2
    assert check(project, hours=0.5).hours == 0.5
    assert check(project, profile="all").hours is None


@pytest.mark.parametrize("module", ["flows.benchmark", "flows.serve", "flows.ui", "flows.fleet"])
def test_a_terminal_without_a_size_is_printed_to_all_the_same(tmp_path: Path, module: str) -> None:
    variables = {**os.environ, "COLUMNS": "0", "LINES": "0", "TERM": "dumb", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", module, *(["--pool", "x"] if module == "flows.fleet" else [])]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no params.yaml in" in done.stdout
