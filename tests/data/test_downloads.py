"""Downloads against a server that behaves as bad ones do: cuts, no ranges, busy, refusing, web pages."""

import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import gdown  # noqa: F401
import pytest
import requests

from paragone.data import downloads
from paragone.data.base import DatasetError

CONTENT = bytes(i * 7 % 251 for i in range(100_000))
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
PAGE = b"<!DOCTYPE html><html>Sorry, you can't view or download this file at this time.</html>"
ELSEWHERE = "Put it there by hand"


class _Server(ThreadingHTTPServer):
    """Serves its content; answers with the next of `script` first, as long as there are any."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: list[Any] = []
        self.content = CONTENT
        self.ranges = True
        self.asked: list[str] = []  # Range of each request

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file.zip"


QUOTA = b"""<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head><body>
<p class="uc-error-caption">Sorry, you can't view or download this file at this time.</p>
<p class="uc-error-subcaption">Too many users have viewed or downloaded this file recently.</p></body></html>"""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.server.asked.append(self.headers.get("Range", ""))
        step = self.server.script.pop(0) if self.server.script else None
        if isinstance(step, tuple):
            code, headers, body = step
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            return
        asked = self.headers.get("Range") if self.server.ranges else None
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        content = self.server.content
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : len(content) if step is None else start + step])  # then the connection ends

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Server]:
    monkeypatch.setattr(downloads, "WAIT", 0.001)
    with _Server() as found:
        thread = threading.Thread(target=found.serve_forever, daemon=True)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def _fetch(folder: Path, *urls: str) -> None:
    downloads.fetch(urls, folder / "raw/file.zip", MD5, "Noise", ELSEWHERE)


def _files(folder: Path) -> list[str]:
    return sorted(file.name for file in (folder / "raw").iterdir())


def test_once_whole_it_is_not_asked_for_again(tmp_path: Path, server: _Server) -> None:
    _fetch(tmp_path, server.url)
    _fetch(tmp_path, server.url)
    assert (tmp_path / "raw/file.zip").read_bytes() == CONTENT
    assert server.asked == [""]
    assert _files(tmp_path) == ["file.zip"]


def test_goes_on_where_the_connection_ended(tmp_path: Path, server: _Server) -> None:
    server.script = [30_000, 20_000]
    _fetch(tmp_path, server.url)
    assert server.asked == ["", "bytes=30000-", "bytes=50000-"]
    assert (tmp_path / "raw/file.zip").read_bytes() == CONTENT


def test_attempts_that_bring_enough_are_not_counted(
    tmp_path: Path, server: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "PROGRESS", 9_000)
    server.script = [9_000] * 11
    _fetch(tmp_path, server.url)
    assert len(server.asked) == 12


def test_a_later_call_goes_on_too(tmp_path: Path, server: _Server) -> None:
    server.script = [10_000, 10_000, 10_000, 10_000]
    with pytest.raises(DatasetError, match=r"after 40,000 of 100,000 bytes; 40,000 bytes are kept for the next time"):
        _fetch(tmp_path, server.url)
    assert _files(tmp_path) == [".partial-file.zip"]
    _fetch(tmp_path, server.url)
    assert server.asked[-1] == "bytes=40000-"
    assert (tmp_path / "raw/file.zip").read_bytes() == CONTENT


def test_a_server_without_ranges_begins_anew(tmp_path: Path, server: _Server) -> None:
    server.ranges = False
    server.script = [30_000]
    _fetch(tmp_path, server.url)
    assert server.asked == ["", "bytes=30000-"]
    assert (tmp_path / "raw/file.zip").read_bytes() == CONTENT


@pytest.mark.parametrize("left", [CONTENT, CONTENT + b"more", b"another file"])
def test_what_was_left_is_another_file_or_all_of_it(tmp_path: Path, server: _Server, left: bytes) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/.partial-file.zip").write_bytes(left)
    _fetch(tmp_path, server.url)
    assert (tmp_path / "raw/file.zip").read_bytes() == CONTENT
    assert _files(tmp_path) == ["file.zip"]


def test_a_busy_server_is_asked_again_when_it_says(
    tmp_path: Path, server: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(downloads.time, "sleep", pauses.append)
    server.script = [(503, {"Retry-After": "7"}, b""), (429, {}, b""), (500, {"Retry-After": "3600"}, b"")]
    _fetch(tmp_path, server.url)
    assert pauses == [7, 2 * downloads.WAIT, downloads.LONGEST]


@pytest.mark.parametrize(
    ("answer", "asked", "message"),
    [
        ((403, {}, b""), 1, "the server answered 403 Forbidden"),
        ((404, {}, b""), 1, "the server answered 404 Not Found"),
        ((503, {}, b""), downloads.ATTEMPTS, "the server answered 503 Service Unavailable"),
        ((200, {"Content-Type": "text/html"}, PAGE), 1, "the server sent a web page in its place"),
        ((200, {"Content-Type": "application/zip"}, PAGE), 1, "the server sent a web page in its place"),
        ((200, {}, b"0123456789"), 1, f"the server sent 10 bytes whose md5 is not {MD5}"),
    ],
)
def test_the_next_mirror_and_then_the_way_out(
    tmp_path: Path, server: _Server, answer: tuple[int, dict[str, str], bytes], asked: int, message: str
) -> None:
    server.script = [answer] * asked
    with pytest.raises(DatasetError) as error:
        _fetch(tmp_path, server.url)
    assert str(error.value) == f"Noise cannot be downloaded: {server.url}: {message}. {ELSEWHERE}"
    assert len(server.asked) == asked
    assert not (tmp_path / "raw").exists() or _files(tmp_path) == []
    server.script = [answer] * asked
    _fetch(tmp_path, server.url, server.url + "?mirror")
    assert (tmp_path / "raw/file.zip").read_bytes() == CONTENT


def test_a_silent_server(tmp_path: Path, server: _Server, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(_Handler, "do_GET", lambda self: release.wait(20))
    monkeypatch.setattr(downloads, "TIMEOUT", 0.05)
    with pytest.raises(DatasetError, match="timed out"):
        _fetch(tmp_path, server.url)
    release.set()


def test_more_than_the_disk_holds_is_not_begun(tmp_path: Path, server: _Server) -> None:
    server.script = [(200, {"Content-Length": str(2**60)}, CONTENT)]
    with pytest.raises(DatasetError, match=r"is 1,152,921,504,606,846,976 bytes, and the disk has [\d,]+ left; free"):
        downloads.fetch([server.url], tmp_path / "file.zip", MD5, "Set", ELSEWHERE)
    assert not list(tmp_path.iterdir())


def test_a_file_without_an_end_and_one_without_haste(
    tmp_path: Path, server: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(downloads, "LARGEST", 50_000)
        server.script = [(200, {}, CONTENT)]
        with pytest.raises(DatasetError, match="the server sent more than the 50,000 bytes"):
            downloads.fetch([server.url], tmp_path / "file.zip", MD5, "Set", ELSEWHERE)
    monkeypatch.setattr(downloads, "DEADLINE", 0.0)
    with pytest.raises(DatasetError, match="it took more than 0 hours; what came is kept"):
        downloads.fetch([server.url], tmp_path / "other.zip", MD5, "Set", ELSEWHERE)


def test_offline_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "WAIT", 0)
    with pytest.raises(DatasetError, match=r"its host has no address; this machine seems to be offline\. Put it there"):
        _fetch(tmp_path, "http://nowhere.invalid/file.zip")
    with pytest.raises(DatasetError, match="Connection refused"):
        _fetch(tmp_path, "http://127.0.0.1:9/file.zip")
    assert not (tmp_path / "raw").exists()


LIMITED = """
import resource, sys
from pathlib import Path
from paragone.data import downloads
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
downloads.fetch([sys.argv[1]], Path(sys.argv[2]), "", "Noise", "")
"""


def test_a_full_disk_is_said(tmp_path: Path, server: _Server) -> None:
    command = [sys.executable, "-c", LIMITED, server.url, str(tmp_path / "raw/file.zip")]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=300).stderr.splitlines()[-1]
    assert printed.endswith(f"DatasetError: {tmp_path}/raw: File too large; free disk space and run again")
    assert not (tmp_path / "raw/file.zip").exists()


@pytest.fixture
def drive(server: _Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Server:
    """gdown as it is, but Google Drive's address leads to the server."""
    get = requests.Session.get
    monkeypatch.setattr(requests.Session, "get", lambda self, url, **how: get(self, server.url, **how))
    monkeypatch.setattr(sys.modules["gdown.download"], "DEFAULT_COOKIES_FILE", str(tmp_path / "cookies.txt"))
    monkeypatch.setattr("random.uniform", lambda *_: 0.0)  # gdown's pauses
    return server


def _from_drive(folder: Path, md5: str = MD5) -> None:
    downloads.fetch_from_drive("0B7EVK8r0v71pZjFTYXZWM3FlRnM", folder / "raw/file.zip", md5, ELSEWHERE)


ATTACHED = {"Content-Disposition": 'attachment; filename="file.zip"', "Content-Type": "application/zip"}


def test_drive_gives_the_file_once(tmp_path: Path, drive: _Server) -> None:
    drive.script = [(200, ATTACHED, CONTENT)]
    _from_drive(tmp_path)
    _from_drive(tmp_path)
    assert (tmp_path / "raw/file.zip").read_bytes() == CONTENT
    assert len(drive.asked) == 1
    assert _files(tmp_path) == ["file.zip"]


def test_drive_cuts_and_a_later_call_goes_on(tmp_path: Path, drive: _Server) -> None:
    drive.content = CONTENT * 12  # gdown keeps whole chunks of 512 KiB
    md5 = hashlib.md5(drive.content, usedforsecurity=False).hexdigest()
    length = {"Content-Length": str(len(drive.content))}
    drive.script = [(200, ATTACHED | length, drive.content[:600_000]), *[(503, {}, b"")] * 9]
    with pytest.raises(DatasetError, match=r"file\.zip cannot be downloaded: .*Put it there by hand"):
        _from_drive(tmp_path, md5)
    (kept,) = _files(tmp_path)
    assert kept.endswith(".part")
    drive.script = [(200, ATTACHED | length, b"")]
    drive.asked.clear()
    _from_drive(tmp_path, md5)
    assert drive.asked == ["", "bytes=524288-"]
    assert (tmp_path / "raw/file.zip").read_bytes() == drive.content


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((200, {"Content-Type": "text/html"}, QUOTA), "Too many users have viewed or downloaded this file recently"),
        ((200, {"Content-Type": "text/html"}, PAGE), "Google Drive refuses a file for a day"),
        ((200, ATTACHED, PAGE), "the server sent a web page in its place"),
        ((404, {"Content-Type": "text/html"}, b""), "Cannot retrieve the public link"),
        ((200, ATTACHED, b"0123456789"), f"the server sent 10 bytes whose md5 is not {MD5}"),
    ],
)
def test_drive_refuses(tmp_path: Path, drive: _Server, answer: tuple[int, dict[str, str], bytes], message: str) -> None:
    drive.script = [answer] * 9
    with pytest.raises(DatasetError, match=message) as error:
        _from_drive(tmp_path)
    assert str(error.value).startswith("file.zip cannot be downloaded: ")
    assert str(error.value).endswith(ELSEWHERE)
    assert "\n" not in str(error.value)
    assert _files(tmp_path) == []


def test_drive_without_gdown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gdown", None)
    with pytest.raises(DatasetError, match=r"needs gdown: pip install .paragone\[celeba\].\. Put it there by hand"):
        _from_drive(tmp_path)


def test_drive_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(DatasetError, match=r"file\.zip cannot be downloaded: .*Put it there by hand"):
        _from_drive(tmp_path)
