"""What a flow visits, and in which order."""

from pathlib import Path

import pytest

from flows.dvc import graph as graphs
from flows.dvc.graph import Graph, plan, urgency
from flows.run.execution import label, log_file

UP = {"data": set(), "a": {"data"}, "b": {"data"}, "child": {"a"}, "report": {"child", "b"}, "other": {"data"}}


def graph(*changed: str) -> Graph:
    return Graph({stage: set(inputs) for stage, inputs in UP.items()}, set(changed), {})


def test_visits_what_changed_and_what_lies_between_it_and_the_target() -> None:
    assert plan(graph("a"), ["report"]) == {"a": set(), "child": {"a"}, "report": {"child"}}
    assert plan(graph("other"), ["report"]) == {}
    assert plan(graph("data", "other"), ["child"]) == {"data": set(), "a": {"data"}, "child": {"a"}}


def test_several_targets_and_stages_that_run_though_current() -> None:
    assert plan(graph(), ["a", "b"], {"a"}) == {"a": set()}
    assert plan(graph("data"), ["a", "b"]) == {"data": set(), "a": {"data"}, "b": {"data"}}
    assert plan(graph(), ["b"], {"a"}) == {}


def test_a_target_that_is_no_stage_is_named() -> None:
    with pytest.raises(ValueError, match=r"no DVC stage 'nope'; .*paragone pipeline"):
        plan(graph(), ["nope"])


def test_the_longest_chain_comes_first() -> None:
    visits = {stage: set(inputs) for stage, inputs in UP.items()}
    unknown = urgency(visits, {})
    assert unknown["a"] == 3 > unknown["b"] == 2 > unknown["other"] == 1
    known = urgency(visits, {"b": 100, "a": 10})
    assert known["b"] > known["a"] > known["report"]


@pytest.mark.parametrize(
    ("stage", "name"),
    [
        ("report", "report"),
        ("runs/smoke/dvc.yaml:report", "report"),
        ("runs/quick/mnist-5k/vae/dvc.yaml:train@0", "mnist-5k/vae train@0"),
    ],
)
def test_labels_are_short_and_logs_have_plain_names(stage: str, name: str) -> None:
    assert label(stage) == name
    assert log_file(Path(), "quick", stage) == Path(f".logs/quick/{name.replace('/', '.').replace(' ', '.')}.log")


def test_dvc_reads_a_parameter_file_once_through_the_loader_that_is_put_in_place_of_its_own(tmp_path: Path) -> None:
    """So that a DVC that reads its parameters in another way is noticed here, and not by a slow graph."""
    from dvc.dependency.param import read_param_file
    from dvc.fs import localfs

    file = tmp_path / "params.yaml"
    file.write_text("kimg: 1")
    with graphs._parameters_parsed_once():
        assert read_param_file(localfs, str(file)) == {"kimg": 1}
        file.write_text("kimg: 2")
        assert read_param_file(localfs, str(file)) == {"kimg": 1}
    assert read_param_file(localfs, str(file)) == {"kimg": 2}
