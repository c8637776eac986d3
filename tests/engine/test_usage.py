"""The record of what a process uses: rows while it works, and never in its way."""

import time

import pandas as pd

from paragone.engine import usage


def test_rows_are_written_while_the_work_goes_on(tmp_path):
    with usage.recording(tmp_path / "new/usage.csv", every=0.1):
        until = time.process_time() + 0.4
        while time.process_time() < until:
            pass
    rows = pd.read_csv(tmp_path / "new/usage.csv")
    assert len(rows) >= 3
    assert rows["seconds"].is_monotonic_increasing
    took = rows["seconds"].diff().fillna(rows["seconds"])
    assert (rows["process_cpu_percentage"] / 100 * took).sum() > 0.2  # of 0.4 s, however long they took here
    assert (rows["process_memory_megabytes"] > 50).all()


def test_a_record_that_cannot_be_written_stops_no_work(tmp_path):
    (tmp_path / "file").write_text("")
    with usage.recording(tmp_path / "file/usage.csv", every=0.01):
        time.sleep(0.05)
    assert (tmp_path / "file").read_text() == ""


def test_a_gpu_says_how_busy_it_is_or_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert usage.gpu_utilization("GPU-0") is None  # no nvidia-smi
    for answer, said in (("87", 87.0), ("[N/A]", None), ("No devices were found", None)):
        (tmp_path / "nvidia-smi").write_text(f'#!/bin/sh\ntest "$1" = --id=GPU-0 && echo "{answer}"\n')
        (tmp_path / "nvidia-smi").chmod(0o755)
        assert usage.gpu_utilization("GPU-0") == said


def test_the_mean_of_a_column_that_is_there(tmp_path):
    file = tmp_path / "usage.csv"
    assert usage.mean(file, usage.GPU) is None
    file.write_text(f"seconds,{usage.GPU}\n5,80\n10,\n15,90\n")
    assert usage.mean(file, usage.GPU) == 85
    assert usage.mean(file, "gpu_memory_megabytes") is None  # as on a CPU
