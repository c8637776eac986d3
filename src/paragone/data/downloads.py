"""Download a file: on from where it was cut off, checked, under its name only when whole, and again after a pause.

Of the libraries, pooch checks hashes but neither resumes nor waits between attempts, and urllib3's Retry knows nothing
of a body that is cut off; so this is the standard library and one loop.
"""

import hashlib
import http.client
import importlib
import shutil
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

from tqdm import tqdm

from paragone.data.base import DatasetError
from paragone.project import files

ATTEMPTS, WAIT, TIMEOUT = 4, 2.0, 30.0  # tries in vain, seconds before the second (then twice as many), of silence
LONGEST = 60.0  # seconds to wait, whatever the server asks for
DEADLINE = 6 * 3600.0  # seconds that a call may take: a server that sends a byte a minute is none
LARGEST = 2**38  # bytes of a file: more than any data set's
CHUNK = 1 << 18  # bytes read at a time
PROGRESS = 1 << 20  # an attempt that brought this many bytes was not in vain
BUSY = {408, 425, 429, 500, 502, 503, 504}  # answers that may be another one later
QUOTA = (
    "(Google Drive refuses a file for a day once it was downloaded too often; a browser that is signed in may help.)"
)
T = TypeVar("T")


class _RefusedError(Exception):
    """An answer that will not change in a minute."""


def fetch(urls: Sequence[str], file: Path, md5: str, what: str, otherwise: str) -> None:
    """Download `file` of the data set `what` from the first of `urls` that has it, unless it is there already.

    What arrives is kept beside it, and a later call goes on from there. otherwise: where else the file can be had, for
    the DatasetError that says why none of them gave it.
    """
    if file.is_file() and md5_of(file) == md5:
        return
    partial = file.with_name(f".partial-{file.name}")
    reasons = []
    deadline = time.monotonic() + DEADLINE
    for url in urls:
        try:
            _persist(url, partial, md5, deadline)
        except _RefusedError as error:
            reasons.append(f"{url}: {error}")
            continue
        files.replace(partial, file)
        return
    raise DatasetError(f"{what} cannot be downloaded: {'; '.join(reasons)}. {otherwise}")


def _persist(url: str, partial: Path, md5: str, deadline: float) -> None:
    """Attempts until the partial file is whole. Raises _RefusedError."""
    vain = 0
    while True:
        before = _size(partial)
        try:
            _attempt(url, partial, deadline)
            if md5_of(partial) == md5:
                return
            fault = _in_place_of(partial, md5)
            partial.unlink()
            if not before:  # what an earlier call left may be of another file: then once more from the start
                raise _RefusedError(fault)
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and error.errno in files.FULL:
                raise DatasetError(f"{partial.parent}: {error.strerror}; free disk space and run again") from None
            if _size(partial) >= before + PROGRESS:
                vain = 0
            vain += 1
            if vain == ATTEMPTS or not _may_change(error):
                kept = f"; {_size(partial):,} bytes are kept for the next time" if _size(partial) else ""
                raise _RefusedError(_reason(error) + kept) from None
            time.sleep(_pause(error, vain))


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _attempt(url: str, partial: Path, deadline: float) -> None:
    """One request for what is missing of the partial file. Raises OSError if the connection ends before the file,
    _RefusedError for more than it states, or than the disk holds, and once the time is over."""
    start = _size(partial)
    headers = {"User-Agent": "paragone", "Accept-Encoding": "identity"} | (
        {"Range": f"bytes={start}-"} if start else {}
    )
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        return  # nothing is missing, or the file on the server is another one: its hash will tell
    with answer:
        if "text/html" in answer.headers.get("Content-Type", ""):
            raise _RefusedError("the server sent a web page in its place")
        start = start if answer.status == 206 else 0  # a server without ranges starts over
        length = answer.headers.get("Content-Length")
        total = start + int(length) if length and length.isdigit() else None
        partial.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(partial.parent).free
        if (total or 0) - start > free:
            raise DatasetError(
                f"{partial.parent}: {url} is {total:,} bytes, and the disk has {free:,} left; free disk space and run "
                "again"
            )
        with partial.open("r+b" if start else "wb") as target:
            target.seek(start)
            _copy(answer, target, start, total, deadline)
        if total is not None and _size(partial) < total:
            raise ConnectionError(f"the connection ended after {_size(partial):,} of {total:,} bytes")


def _copy(answer: Any, target: IO[bytes], start: int, total: int | None, deadline: float) -> None:
    left = min(LARGEST if total is None else total, LARGEST) - start
    name = Path(target.name).name.removeprefix(".partial-")
    quiet = (total or 0) < PROGRESS
    with tqdm(desc=name, total=total, initial=start, unit="B", unit_scale=True, mininterval=1, disable=quiet) as bar:
        while chunk := answer.read1(CHUNK):  # what there is: a slow server is asked for no whole chunk
            left -= len(chunk)
            if left < 0:
                raise _RefusedError(
                    f"the server sent more than the {left + len(chunk) + target.tell():,} bytes it stated"
                )
            if time.monotonic() > deadline:
                raise _RefusedError(f"it took more than {DEADLINE / 3600:g} hours; what came is kept for the next time")
            target.write(chunk)
            bar.update(len(chunk))


def _may_change(error: Exception) -> bool:
    return not isinstance(error, urllib.error.HTTPError) or error.code in BUSY


def _pause(error: Exception, attempt: int) -> float:
    asked = error.headers.get("Retry-After", "") if isinstance(error, urllib.error.HTTPError) else ""
    return min(float(asked) if asked.isdigit() else WAIT * 2 ** (attempt - 1), LONGEST)


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {reason}"
    if isinstance(reason, socket.gaierror):
        return "its host has no address; this machine seems to be offline"
    return " ".join(str(reason).split()) or type(error).__name__


def md5_of(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def fetch_from_drive(identifier: str, file: Path, md5: str, otherwise: str) -> None:
    """Download `file` from Google Drive by gdown, unless it is there already; like `fetch`.

    Drive asks before large files whether they are wanted, which gdown answers, and goes on where it was cut off.
    """
    if file.is_file() and md5_of(file) == md5:
        return
    try:
        gdown = importlib.import_module("gdown")
    except ImportError:
        raise DatasetError(
            f"{file.name} is on Google Drive, which needs gdown: pip install 'paragone[celeba]'. {otherwise}"
        ) from None
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".partial-{file.name}")  # beside which gdown keeps what it got of it
    failed = f"{file.name} cannot be downloaded: "
    how = {"quiet": not sys.stderr.isatty(), "resume": True, "timeout": TIMEOUT, "retries": ATTEMPTS}
    partial.unlink(missing_ok=True)
    try:
        gdown.download(id=identifier, output=str(partial), **how)
        if md5_of(partial) != md5:
            raise DatasetError(f"{failed}{_in_place_of(partial, md5)}. {otherwise}")
        files.replace(partial, file)
    except (OSError, gdown.exceptions.DownloadError) as error:
        if isinstance(error, OSError) and error.errno in files.FULL:
            raise DatasetError(f"{file.parent}: {error.strerror}; free disk space and run again") from None
        reason = " ".join(str(error).split())
        raise DatasetError(f"{failed}{reason} {QUOTA} {otherwise}") from None
    finally:
        partial.unlink(missing_ok=True)


def _in_place_of(file: Path, md5: str) -> str:
    """What is in a file whose md5 is not the expected one."""
    with file.open("rb") as stream:
        start = stream.read(512).lstrip().lower()
    if start.startswith((b"<!doctype", b"<html")):
        return "the server sent a web page in its place"
    return f"the server sent {_size(file):,} bytes whose md5 is not {md5}"


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
            time.sleep(WAIT * 2**attempt)
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
