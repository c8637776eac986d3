"""Try a download again after a pause, and give up with one sentence that says how else the files can be had."""

import http.client
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from paragone.datasets.base import DatasetError

ATTEMPTS, WAIT, TIMEOUT = 3, 2.0, 30.0  # tries, seconds before the next, seconds of silence
T = TypeVar("T")


def retry(fetch: Callable[[], T], what: str, otherwise: str) -> T:
    """The result of `fetch`. Raises DatasetError, which ends in `otherwise`, once the last attempt has failed."""
    for attempt in range(ATTEMPTS):
        try:
            with _timeout(TIMEOUT):
                return fetch()
        except (OSError, RuntimeError, http.client.HTTPException) as error:
            if attempt + 1 == ATTEMPTS:
                reason = " ".join(str(error).split())
                raise DatasetError(f"{what} cannot be downloaded: {reason}. {otherwise}") from None
            time.sleep(WAIT * (attempt + 1))
    raise AssertionError("the last attempt returns or raises")


@contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    """torchvision's download sets no timeout: without one a silent server holds it for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
