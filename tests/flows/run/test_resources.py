"""Cores are counted, GPUs are queued for, and what is not there is named."""

from pathlib import Path

import pytest

from flows.run import resources
from flows.run.resources import MachineError, Seats, choose, computes

TRAIN, REPORT = "runs/quick/digits/vae/dvc.yaml:train@0", "report"


@pytest.fixture
def two_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose driver's tool lists two."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho '0, GPU-aa'\necho '1, GPU-bb'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.usefixtures("two_gpus")
def test_finds_all_gpus_or_those_that_the_environment_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose("auto") == choose("all") == ["0", "1"]
    assert choose("none") == []
    assert choose("1, 1") == ["1", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-bb,7")
    assert resources.gpus() == ["GPU-bb"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert resources.gpus() == []


@pytest.mark.usefixtures("two_gpus")
def test_a_gpu_that_is_not_there_is_named() -> None:
    with pytest.raises(MachineError, match=r"no GPU '2' here, there is: 0, 1"):
        choose("0,2")


def test_a_gpu_that_one_process_has_to_itself_is_not_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    listed = "0, GPU-aa, Exclusive_Process\n1, GPU-bb, Prohibited\n2, GPU-cc, Default"
    tool.write_text(f"#!/bin/sh\necho '{listed}'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert choose("0,2,2") == ["0", "2", "2"]
    assert choose("auto") == choose("all") == ["0", "2"]
    with pytest.raises(MachineError, match="GPU '0' is named 3 times and lets one process compute at a time"):
        choose("0,0,0")
    with pytest.raises(MachineError, match="GPU '1' lets nothing compute; name another"):
        choose("1")


def test_gpus_that_let_nothing_compute_are_not_all_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho '0, GPU-aa, Prohibited'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert choose("auto") == []
    with pytest.raises(
        MachineError, match=r"at least one GPU and those here \(0\) let nothing compute; ask for 'auto'"
    ):
        choose("all")


def test_how_rows_share_gpus_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    lines = "0, GPU-aa, Default, 81559\n1, GPU-bb, Exclusive_Process, 81559\n2, GPU-cc, Default, 8192"
    tool.write_text(f"#!/bin/sh\necho '{lines}'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert "`--gpus 0,0,0` with `--slots 3` or more lets 3 rows share one" in resources.explain(["0"], 16)
    assert "`--gpus 0,0`" in resources.explain(["0"], 2)
    assert "not those of a row alone" in resources.explain(["0", "0"], 4)
    assert [resources.explain(gpus, 16) for gpus in ([], ["1"], ["2"])] == ["", "", ""]  # none, exclusive, small


def test_shared_gpus_are_filled_evenly() -> None:
    seats = Seats(4, ["0", "0", "1", "1"])
    taken = [seat for _ in range(4) if (seat := seats.take(TRAIN))]
    assert [seat.gpus for seat in taken] == [("0",), ("1",), ("0",), ("1",)]
    seats.give_back(taken[1])
    seats.give_back(taken[3])
    assert seats.take(TRAIN) == taken[1]


def test_a_machine_without_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert choose("auto") == []
    with pytest.raises(MachineError, match="at least one GPU"):
        choose("all")


@pytest.mark.parametrize(
    ("stage", "uses"),
    [(TRAIN, True), (REPORT, False), ("classifier-mnist-5k", True), ("runs/smoke/dvc.yaml:reference-mnist-5k", True),
     ("ingest-mnist-5k", False), ("runs/smoke/dvc.yaml:report", False)],
)  # fmt: skip
def test_which_stages_use_a_gpu(stage: str, uses: bool) -> None:
    assert computes(stage) == uses


def test_those_who_compute_take_turns_on_the_gpus_and_others_need_a_core_alone() -> None:
    seats = Seats(3, ["0", "1"])
    first, second = seats.take(TRAIN), seats.take(TRAIN)
    assert first
    assert second
    assert {*first.gpus, *second.gpus} == {"0", "1"}
    assert first.environment == {"CUDA_VISIBLE_DEVICES": "0"}
    assert seats.take(TRAIN) is None
    other = seats.take(REPORT)
    assert other
    assert other.environment == {"CUDA_VISIBLE_DEVICES": ""}
    seats.give_back(second)
    assert seats.take(REPORT) is not None
    assert seats.take(TRAIN) is None  # a GPU, but no core
    seats.give_back(other)
    again = seats.take(TRAIN)
    assert again
    assert again.gpus == ("1",)


def test_without_gpus_cores_are_all_that_counts() -> None:
    seats = Seats(1, [])
    seat = seats.take(TRAIN)
    assert seat
    assert seat.gpus == ()
    assert seats.take(REPORT) is None


def test_a_stage_of_several_processes_takes_as_many_cores() -> None:
    seats = Seats(3, [])
    pair = seats.take(TRAIN, 2)
    assert pair
    assert seats.take(TRAIN, 2) is None
    assert seats.take(REPORT)
    assert seats.take(REPORT) is None
    seats.give_back(pair)
    assert seats.take(TRAIN, 2) == pair


def test_a_stage_of_several_processes_takes_as_many_different_gpus() -> None:
    seats = Seats(4, ["0", "0", "1"])
    pair = seats.take(TRAIN, 2)
    assert pair
    assert pair.environment == {"CUDA_VISIBLE_DEVICES": "0,1"}
    assert seats.take(TRAIN, 2) is None  # what is left of GPU 0 is one seat
    single = seats.take(TRAIN)
    assert single
    assert single.gpus == ("0",)
    seats.give_back(pair)
    assert seats.take(TRAIN, 2) == pair


def test_more_processes_than_there_can_be_seats_are_named_with_the_way_out() -> None:
    with pytest.raises(
        MachineError, match=r"slots: .*train@0 starts 3 processes, more than the slots there are \(2\); give --slots 3"
    ):
        Seats(2, []).check(TRAIN, 3)
    with pytest.raises(MachineError, match=r"gpus: .*train@0 starts 3 processes, a GPU each, and may use 2"):
        Seats(4, ["0", "0", "1"]).check(TRAIN, 3)
    Seats(4, ["0", "0", "1"]).check(TRAIN, 2)
