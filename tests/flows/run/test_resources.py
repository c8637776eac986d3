"""Cores are counted, and GPUs are queued for."""

import pytest

from flows.run.resources import MachineError, Seats, computes

TRAIN, REPORT = "runs/quick/digits/vae/dvc.yaml:train@0", "report"


def test_shared_gpus_are_filled_evenly() -> None:
    seats = Seats(4, ["0", "0", "1", "1"])
    taken = [seat for _ in range(4) if (seat := seats.take(TRAIN))]
    assert [seat.gpus for seat in taken] == [("0",), ("1",), ("0",), ("1",)]
    seats.give_back(taken[1])
    seats.give_back(taken[3])
    assert seats.take(TRAIN) == taken[1]


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
