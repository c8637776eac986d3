"""Ends the process groups named on standard input once it closes, that is when whoever started them is gone.

Lines are `+group` and `-group`. Run as a script by `processes`, so that even a killed flow leaves nothing behind.
"""

import os
import signal
import sys
import time

GRACE = 5.0  # seconds from SIGTERM to SIGKILL


def main() -> None:
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    end(groups)


def end(groups: set[int]) -> None:
    """End every process of these groups, politely first; returns when they are gone or had SIGKILL."""
    signal_all(groups, signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    while groups and time.monotonic() < deadline:
        time.sleep(0.05)
        signal_all(groups, 0)
    signal_all(groups, signal.SIGKILL)


def signal_all(groups: set[int], number: int) -> None:
    """Signal each group, and forget those that are gone."""
    for group in list(groups):
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            groups.discard(group)


if __name__ == "__main__":
    main()
