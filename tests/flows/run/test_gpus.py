"""GPUs are found as the driver lists them, and one that rows cannot compute on is named, with the remedy."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from flows.run import gpus
from flows.run.gpus import Choice
from flows.run.resources import MachineError

Drive = Callable[..., None]


def choose(wish: str) -> list[str]:
    return gpus.choose(wish).ids


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Drive:
    """Make the driver's tool list these GPUs, and these processes on them, to a PyTorch that uses GPUs."""

    def install(listed: str, computing: str = "") -> None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(
            f"#!/bin/sh\ncase $1 in --query-compute-apps*) printf '{computing}' ;; *) printf '{listed}' ;; esac\n"
        )
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        monkeypatch.setattr(gpus, "without_cuda", lambda: "")

    return install


def test_finds_all_gpus_or_those_that_the_environment_leaves(driver: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    driver("0, GPU-aa\\n1, GPU-bb\\n")
    assert choose("auto") == choose("all") == ["0", "1"]
    assert choose("none") == []
    assert choose("1, 1") == ["1", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-bb,7")
    assert choose("auto") == ["GPU-bb"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert choose("auto") == []


def test_a_gpu_that_is_not_there_is_named(driver: Drive) -> None:
    driver("0, GPU-aa\\n1, GPU-bb\\n")
    with pytest.raises(MachineError, match=r"no GPU '2' here, there is: 0, 1"):
        choose("0,2")


def test_a_gpu_that_one_process_has_to_itself_is_not_shared(driver: Drive) -> None:
    driver("0, GPU-aa, Exclusive_Process\\n1, GPU-bb, Prohibited\\n2, GPU-cc, Default\\n")
    assert choose("0,2,2") == ["0", "2", "2"]
    assert choose("auto") == choose("all") == ["0", "2"]
    assert gpus.choose("auto").left_alone == (
        "Left alone: GPU '1' lets nothing compute; name another, or set its mode: nvidia-smi -c 0."
    )
    assert gpus.choose("0") == Choice(["0"], "")
    with pytest.raises(MachineError, match="GPU '0' is named 3 times and lets one process compute at a time"):
        choose("0,0,0")
    with pytest.raises(MachineError, match="GPU '1' lets nothing compute; name another"):
        choose("1")


def test_a_gpu_for_one_process_that_another_holds_is_not_taken(driver: Drive) -> None:
    listed = "0, GPU-aa, Exclusive_Process\\n1, GPU-bb, Default\\n2, GPU-cc, Exclusive_Process\\n"
    driver(
        listed,
        "GPU-aa, 4211, python\\nGPU-bb, 4212, python\\nGPU-cc, 97, nvidia-cuda-mps-server\\nGPU-cc, 98, python\\n",
    )
    assert choose("auto") == ["1", "2"]  # of those that share, the server lets another in
    with pytest.raises(
        MachineError, match=r"GPU '0' lets one process compute at a time and process 4211 \(python\) do"
    ):
        choose("0")


def test_gpus_are_of_no_use_to_a_pytorch_for_cpus(driver: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    driver("0, GPU-aa, Default\\n")
    monkeypatch.setattr(gpus, "without_cuda", lambda: "2.13.0+cpu")
    with pytest.raises(
        MachineError, match=r"GPU '0' is of no use to PyTorch 2\.13\.0\+cpu, .* install a build for CUDA"
    ):
        choose("0")
    with pytest.raises(MachineError, match="at least one GPU and GPU '0' is of no use to PyTorch"):
        choose("all")
    assert choose("auto") == []
    assert "Left alone: GPU '0' is of no use" in gpus.choose("auto").left_alone
    assert gpus.choose("none") == Choice([], "")


def test_which_build_of_pytorch_is_installed_is_read_without_importing_it() -> None:
    assert gpus.without_cuda() == ("" if torch.version.cuda or torch.version.hip else torch.__version__)


def test_gpus_that_let_nothing_compute_are_not_all_there_are(driver: Drive) -> None:
    driver("0, GPU-aa, Prohibited\\n")
    assert choose("auto") == []
    with pytest.raises(MachineError, match=r"at least one GPU and GPU '0' lets nothing compute; .*; ask for 'auto'"):
        choose("all")


def test_how_rows_share_gpus_is_explained(driver: Drive) -> None:
    driver("0, GPU-aa, Default, 81559\\n1, GPU-bb, Exclusive_Process, 81559\\n2, GPU-cc, Default, 8192\\n")
    assert "`--gpus 0,0,0` with `--slots 3` or more lets 3 rows share one" in gpus.explain(["0"], 16)
    assert "`--gpus 0,0`" in gpus.explain(["0"], 2)
    assert "not those of a row alone" in gpus.explain(["0", "0"], 4)
    assert [gpus.explain(chosen, 16) for chosen in ([], ["1"], ["2"])] == ["", "", ""]  # none, exclusive, small


def test_a_machine_without_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert choose("auto") == []
    assert gpus.choose("auto").left_alone == ""
    with pytest.raises(MachineError, match="at least one GPU"):
        choose("all")
