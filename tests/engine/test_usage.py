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
    assert rows["process_cpu_percentage"].max() > 20
    assert (rows["process_memory_megabytes"] > 50).all()


def test_a_record_that_cannot_be_written_stops_no_work(tmp_path):
    (tmp_path / "file").write_text("")
    with usage.recording(tmp_path / "file/usage.csv", every=0.01):
        time.sleep(0.05)
    assert (tmp_path / "file").read_text() == ""
