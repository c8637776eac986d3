"""What DVC said is believed exactly as long as nothing that it looked at has changed, in however small a way."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from flows.dvc import graph, status_cache
from flows.dvc.graph import Graph
from support import stand_in

WEIGHTS = "runs/quick/digits/ddpm/0/model.safetensors"
RESOLVED = "runs/quick/profile.json"
TRAIN = "runs/quick/digits/ddpm/dvc.yaml:train@0"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose default profile is up to date."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        stand_in.build(folder, patch)
        (folder / "data/more").mkdir(parents=True)
        (folder / "data/more/a").write_text("1")
        params = yaml.safe_load((folder / "params.yaml").read_text())
        extra = {"cmd": "cp data/more/a own", "deps": ["data/more"], "outs": ["own"], "params": ["profile"]}
        pipeline = yaml.safe_load((folder / "dvc.yaml").read_text())
        pipeline["stages"] |= {"own": extra}
        pipeline["stages"]["report"]["deps"].append("own")
        (folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline))
        assert params["profile"] == "quick"
        subprocess.run([sys.executable, "-m", "dvc", "repro", "-q"], cwd=folder, check=True)
    return folder


@pytest.fixture
def project(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{finished}/build:{os.environ['PATH']}")
    return Path(shutil.copytree(finished, tmp_path / "project", symlinks=True))


def read(project: Path) -> Graph:
    return graph.read(project, "quick", lambda _: ["report"])


def asked(project: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names under which DVC is asked from now on."""
    found: list[str] = []
    ask = graph._ask
    monkeypatch.setattr(graph, "_ask", lambda root, name, choose: found.append(name) or ask(root, name, choose))
    return found


def write_alike(file: Path) -> None:
    """Other content of the same size, and the same time of modification."""
    before, content = file.stat(), file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def unlinked(file: Path) -> Path:
    """The same content as a file of its own, not the one in DVC's cache."""
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content)
    return file


CHANGES: dict[str, tuple[Callable[[Path], object], set[str]]] = {
    "an output that is missing": (lambda p: (p / WEIGHTS).unlink(), {TRAIN}),
    "an output written over": (lambda p: unlinked(p / WEIGHTS).write_text("other"), {TRAIN}),
    "an output of the same size and time": (lambda p: write_alike(unlinked(p / WEIGHTS)), {TRAIN}),
    "a file of an output folder": (lambda p: (p / "data/prepared/digits/x").unlink(), {"ingest-digits"}),
    "a file more in an output folder": (lambda p: (p / "data/prepared/digits/y").touch(), {"ingest-digits"}),
    "a dependency": (lambda p: (p / "data/more/a").write_text("2"), {"own"}),
    "a dependency of the same size and time": (lambda p: write_alike(p / "data/more/a"), set()),  # DVC takes no notice
    "a file more in a dependency": (lambda p: (p / "data/more/b").touch(), {"own"}),
    "a parameter": (lambda p: replace(p / "profiles/quick.yaml", "kimg: 1", "kimg: 2"), {"profile"}),
    "a parameter as stages read it": (
        lambda p: replace(unlinked(p / RESOLVED), '"kimg": 1', '"kimg": 2'),
        {"profile", TRAIN},
    ),
    "the fingerprint of a model": (
        lambda p: replace(unlinked(p / "runs/code.yaml"), "ddpm: 1", "ddpm: 2"),
        {"code", TRAIN},
    ),
    "a command": (lambda p: replace(p / "dvc.yaml", "cp data/more/a own", "cat data/more/a > own"), {"own"}),
    "a lock file without a stage": (lambda p: forget(p / "dvc.lock", "own"), {"own"}),
    "no lock file": (lambda p: (p / "runs/quick/digits/ddpm/dvc.lock").unlink(), {TRAIN}),
    "what is ignored": (lambda p: (p / ".dvcignore").write_text("data/more/a\n"), {"own"}),
}


def forget(lock: Path, stage: str) -> None:
    content = yaml.safe_load(lock.read_text())
    del content["stages"][stage]
    lock.write_text(yaml.safe_dump(content))


@pytest.mark.parametrize("what", CHANGES)
def test_every_change_is_noticed(project: Path, what: str) -> None:
    assert read(project).changed == set()
    assert status_cache.recall(project, "quick") is not None
    change, stages = CHANGES[what]
    change(project)
    assert status_cache.recall(project, "quick") is None
    assert stages <= read(project).changed


def test_a_copy_looks_at_its_own_files(project: Path, tmp_path: Path) -> None:
    assert read(project).changed == set()
    copy = Path(shutil.copytree(project, tmp_path / "copy", symlinks=True))
    assert status_cache.recall(copy, "quick") is None
    (copy / WEIGHTS).unlink()
    assert TRAIN in read(copy).changed
    assert read(project).changed == set()


@pytest.mark.parametrize("how", ["renamed", "behind a link"])
def test_a_moved_project_looks_at_its_own_files(project: Path, tmp_path: Path, how: str) -> None:
    """Also where other files stand at the old place."""
    assert read(project).changed == set()
    moved = project.rename(tmp_path / "moved")
    if how == "behind a link":
        project.symlink_to(moved)
    else:
        shutil.copytree(moved, project, symlinks=True)
    assert status_cache.recall(moved, "quick") is None
    (moved / WEIGHTS).unlink()
    assert TRAIN in read(moved).changed


def test_a_new_pipeline_is_noticed(project: Path) -> None:
    read(project)
    (project / "mine").mkdir()
    (project / "mine/dvc.yaml").write_text("stages: {a: {wdir: .., cmd: echo > data/more/c, outs: [data/more/c]}}\n")
    assert "mine/dvc.yaml:a" in read(project).upstream["own"]


def test_dvc_is_asked_once_and_again_for_stages_that_it_was_not_asked_for(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = graph.read(project, "quick", lambda _: ["own"])
    names = asked(project, monkeypatch)
    assert graph.read(project, "quick", lambda _: ["own"]) == part
    assert names == []
    assert read(project).changed == set()
    assert names == ["quick"]
    assert read(project) == read(project)
    assert names == ["quick"]
    os.utime(project / "params.yaml")  # the same content
    (project / "README.md").write_text("nothing to do with it")
    (project / ".logs").mkdir()
    read(project)
    assert names == ["quick"]


def test_the_same_answer_as_dvc_status_where_parameters_differ_between_stages(project: Path) -> None:
    replace(unlinked(project / RESOLVED), '"kimg": 1', '"kimg": 2')
    replace(project / RESOLVED, '"samples": 16', '"samples": 17')
    command = [sys.executable, "-m", "dvc", "status", "--with-deps", "--json", "report"]
    printed = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True).stdout
    assert read(project).changed == set(yaml.safe_load(printed)) != set()


def test_the_same_answer_as_dvc_status_where_stages_never_ran(project: Path) -> None:
    (project / TRAIN.partition(":")[0]).with_name("dvc.lock").unlink()
    command = [sys.executable, "-m", "dvc", "status", "--with-deps", "--json", "report"]
    printed = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True).stdout
    assert read(project).changed == set(yaml.safe_load(printed)) >= {TRAIN}


def refresh(project: Path, *visited: str) -> Graph:
    return graph.refresh(project, "quick", lambda _: ["report"], visited)


def test_after_a_visit_dvc_is_asked_for_what_was_visited_alone(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "data/more/a").write_text("2")
    assert read(project).changed == {"own"}
    names = asked(project, monkeypatch)
    subprocess.run([sys.executable, "-m", "dvc", "repro", "-q", "own"], cwd=project, check=True)
    assert refresh(project, "own", "report").changed == {"report"}
    assert read(project).changed == {"report"}
    subprocess.run([sys.executable, "-m", "dvc", "repro", "-q", "report"], cwd=project, check=True)
    assert refresh(project, "report") == read(project)
    assert read(project).changed == set()
    assert names == []


def test_after_a_visit_any_other_change_is_noticed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "data/more/a").write_text("2")
    read(project)
    names = asked(project, monkeypatch)
    subprocess.run([sys.executable, "-m", "dvc", "repro", "-q", "own"], cwd=project, check=True)
    (project / WEIGHTS).unlink()
    assert refresh(project, "own").changed >= {"report", TRAIN}
    assert names == ["quick"]


@pytest.mark.parametrize("left", ["", "{", "{}", '{"state": 1, "inputs": 2}'])
def test_a_memory_that_is_not_whole_is_none(project: Path, left: str) -> None:
    read(project)
    (project / status_cache.GRAPHS / "quick.json").write_text(left)
    assert status_cache.recall(project, "quick") is None
    assert read(project).changed == set()


def test_what_is_written_while_dvc_looks_is_not_kept(project: Path) -> None:
    inputs = status_cache.Inputs([], [str(project / "data/more")])
    before = status_cache.states(project, inputs)
    (project / "data/more/a").write_text("2")
    status_cache.keep(project, "quick", {}, inputs, before)
    assert status_cache.recall(project, "quick") is None


def test_two_writes_right_after_one_another_are_told_apart(project: Path) -> None:
    file = project / "data/more/a"
    inputs = status_cache.Inputs([], [str(file)])
    for _ in range(20):
        file.write_text("1")
        before = status_cache.states(project, inputs)
        file.write_text("2")
        assert status_cache.states(project, inputs) != before


def test_a_pipeline_that_dvc_cannot_read_is_one_sentence(project: Path) -> None:
    (project / "runs/quick/dvc.yaml").write_text("stages: {a: {cmd: x, outs: [own]}}\n")
    (project / "mine").mkdir()
    (project / "mine/dvc.yaml").write_text("stages: {a: {cmd: x, wdir: .., outs: [own]}}\n")
    with pytest.raises(ValueError, match=r"DVC cannot read the graph of .*own") as caught:
        read(project)
    assert "\n" not in str(caught.value)
