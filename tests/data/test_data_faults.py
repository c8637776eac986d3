"""No fault put into a copy of a data set passes silently, and those that spoil a comparison stop the pipeline."""

from pathlib import Path

import pytest

from support import ROOT, data_faults
from support.data_faults import Fault

CONTENT = list(data_faults.content_faults())
WARNED = {  # real sets have as much, or are still of use
    "a class all but missing",
    "one test image leaked into the training split",
    "one training image twice",
    "nearly constant images",
    "binarised",
    "JPEG in place of PNG",
    "PNG made from JPEG",
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", CONTENT, ids=lambda fault: fault.what)
def test_a_fault_of_content_is_said(fault: Fault, tmp_path: Path) -> None:
    sentences = data_faults.answer(fault, tmp_path)
    assert sentences
    assert all("\n" not in sentence for sentence in sentences)
    kind = "warns: " if fault.what in WARNED else "stops: "
    assert all(sentence.startswith(kind) for sentence in sentences)


def test_every_warned_fault_is_one_of_the_table() -> None:
    assert {fault.what for fault in CONTENT} > WARNED
    table = (ROOT / "docs/data-faults.md").read_text()
    assert all(f"| {fault.where} | {fault.what} |" in table for fault in CONTENT), (
        "run `PYTHONPATH=tests python -m support.data_faults`"
    )
