import time

import pytest
import torch

from paragone.engine import hardware

CPU = torch.device("cpu")


def test_one_thread_on_a_cpu_is_timed_by_its_own_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    started = hardware.seconds(CPU)
    time.sleep(0.2)
    waited = hardware.seconds(CPU) - started
    while hardware.seconds(CPU) - started < waited + 0.05:
        pass
    assert hardware.clock_name(CPU) == "cpu"
    assert waited < 0.1  # what passes while others work does not count


def test_more_threads_are_timed_by_the_clock_on_the_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    started = hardware.seconds(CPU)
    time.sleep(0.1)
    assert hardware.clock_name(CPU) == "wall"
    assert hardware.seconds(CPU) - started >= 0.1
