import time

import pytest
import torch
from torch import nn

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


def test_bfloat16_on_a_gpu_without_it_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 5))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Tesla T4")
    gpu = torch.device("cuda", 0)
    hardware.check_precision("fp32", gpu)
    hardware.check_precision("bf16", CPU)  # slow there, and right
    with pytest.raises(
        ValueError, match=r"a model is to run in bfloat16 and Tesla T4 does not compute in it; set plan\.prec"
    ):
        hardware.check_precision("bf16", gpu)


def test_grey_images_run_channels_last_too() -> None:
    conv = nn.Conv2d(1, 4, 3)
    weight = conv.weight.detach().clone()
    hardware.place(conv, torch.device("cpu"))
    assert torch.equal(conv.weight, weight)
    assert conv(torch.rand(2, 1, 8, 8)).stride(1) == 1
