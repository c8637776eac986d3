"""Only what the machine did to a stage is worth another try."""

import pytest

from flows.run.retry_policy import interruption


@pytest.mark.parametrize(
    ("status", "log", "reason"),
    [
        (-9, "", "dvc was ended by SIGKILL"),
        (-15, "", "dvc was ended by SIGTERM"),
        (255, "failed to run: paragone train, exited with -9", "its command was ended by SIGKILL"),
        (255, "failed to run: paragone train, exited with 137", "its command was ended by SIGKILL"),
        (255, "ERROR: Unable to acquire lock. Most likely another DVC process", "DVC's lock is held"),
        (1, "ERROR: 'x' is busy, it is being blocked by:", "another DVC process uses its files"),
        (255, "failed to run: paragone train, exited with 1", None),
        (255, "failed to run: paragone train, exited with -11", None),  # it crashed
        (255, "failed to run: paragone train, exited with -6", None),
        (1, "No space left on device", None),  # would fail again
        (1, "", None),
    ],
)
def test_kinds(status: int, log: str, reason: str | None) -> None:
    assert interruption(status, log) == reason
