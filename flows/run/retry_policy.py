"""Which failures are the machine's, so that trying again helps, and which are the work's own.

A command that ends by itself with an error, be it a bug, bad data or a full disk, would fail again: it is not retried.
"""

import re
import signal

OUTSIDE = {signal.SIGHUP, signal.SIGTERM, signal.SIGKILL}  # nobody's own fault: a crash has other signals
BUSY = {
    "Unable to acquire lock": "DVC's lock is held",
    "is busy, it is being blocked by": "another DVC process uses its files",
    "database is locked": "DVC's database is locked",
    "Unable to read RWLock-file": "DVC's note of readers and writers was cut short",
}


def interruption(status: int, log: str) -> str | None:
    """What kept a `dvc repro` from its end that is no fault of the stage, from its exit status and log; None if so."""
    if -status in OUTSIDE:
        return f"dvc was ended by {signal.Signals(-status).name}"
    if ended := re.findall(r"exited with (-?\d+)", log):
        number = -int(ended[-1]) if int(ended[-1]) < 0 else int(ended[-1]) - 128  # a shell adds 128
        if number in OUTSIDE:
            return f"its command was ended by {signal.Signals(number).name}"
    return next((meaning for phrase, meaning in BUSY.items() if phrase in log), None)
