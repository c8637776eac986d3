"""No server of ours is open: a secret for each start, for this user alone, and no page of another origin."""

import json
import os
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.prefect_server import server
from flows.run.processes import Guard
from support import ROOT

DEPLOYMENT = json.dumps({"name": "evil", "flow_id": "0" * 8 + "-0000-4000-8000-" + "0" * 12}).encode()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    with pytest.MonkeyPatch.context() as patch, Guard() as guard:
        patch.setenv("PREFECT_HOME", str(folder))
        patch.delenv("PREFECT_API_URL", raising=False)
        patch.setenv(server.SECRET, "paragone:of-this-test")
        yield server.start(guard, ROOT, folder / "log", server.free_port(), interface=True)


def ask(url: str, data: bytes | None = None, method: str | None = None, **headers: str) -> tuple[int, dict[str, str]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **named}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, dict(reply.headers)
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers)


WRONG = {
    "no secret": {},
    "another secret": {"Authorization": f"Basic {b64encode(b'paragone:guess').decode()}"},
    "an empty one": {"Authorization": "Basic "},
    "another scheme": {"Authorization": "Bearer paragone:of-this-test"},
    "the name of another host": {"Host": "evil.example"},
    "another origin": {"Origin": "http://evil.example"},
    "an origin of this machine": {"Origin": "http://127.0.0.1:1"},
    "no origin, as a file has": {"Origin": "null"},
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("path", ["/deployments/", "/work_pools/", "/flow_runs/filter", "/variables/name/health"])
def test_whoever_lacks_the_secret_is_refused(url: str, what: str, path: str) -> None:
    status, found = ask(f"{url}{path}", DEPLOYMENT, **WRONG[what])
    assert status in (401, 405)
    assert "Access-Control-Allow-Origin" not in found


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://localhost:4200"])
def test_pages_of_other_origins_may_not_even_ask(url: str, origin: str) -> None:
    asked = {"Origin": origin, "Access_Control_Request_Method": "POST"}
    status, found = ask(f"{url}/deployments/", method="OPTIONS", **asked, Access_Control_Request_Headers="content-type")
    assert status in (400, 401)
    assert found.get("access-control-allow-origin") != origin
    assert found.get("access-control-allow-origin") != "*"


def test_with_the_secret_it_answers(url: str) -> None:
    shown = {"Authorization": f"Basic {b64encode(b'paragone:of-this-test').decode()}"}
    assert ask(f"{url}/work_pools/filter", b"{}", **shown)[0] == 200
    assert server.answers(f"{url}/health")


def test_the_note_is_for_this_user_and_believed_while_its_lock_is_held(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".locks").mkdir()
    monkeypatch.setenv(server.SECRET, "paragone:of-this-test")
    assert server.running(tmp_path) is None
    server.write_note(tmp_path, url)
    assert stat.S_IMODE((tmp_path / server.NOTE).stat().st_mode) == 0o600
    assert server.running(tmp_path) is None  # left by a kill, or copied
    holder = f"import sys; from filelock import FileLock; lock = FileLock({str(tmp_path / server.SERVING)!r})\n"
    holder += "with lock: print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as held:
        assert held.stdout is not None
        held.stdout.readline()
        monkeypatch.setenv(server.SECRET, "another")
        assert server.running(tmp_path) == url
        assert os.environ[server.SECRET] == "paragone:of-this-test"
        note = tmp_path / server.NOTE
        for text in ("", "[]", json.dumps({"url": url, "secret": "wrong"}), json.dumps({"url": "x", "secret": "y"})):
            note.write_text(text)
            assert server.running(tmp_path) is None
        held.communicate()


def test_a_wrong_secret_is_one_sentence(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", url)
    monkeypatch.setenv(server.SECRET, "paragone:guess")
    with pytest.raises(
        server.ServerError, match=r"^PREFECT_API_AUTH_STRING: the Prefect server at .* refuses it; give"
    ):
        server.check()
    monkeypatch.setenv(server.SECRET, "paragone:of-this-test")
    server.check()


def test_each_start_has_a_secret_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And leaves the environment as it was."""
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.delenv(server.SECRET, raising=False)
    (tmp_path / ".locks").mkdir()
    found = []
    for _ in range(2):
        with server.serving(tmp_path, tmp_path / "log"):
            found.append(os.environ[server.SECRET])
            assert found[-1] not in (tmp_path / "log").read_text()
        assert server.SECRET not in os.environ
    assert len(set(found)) == 2
    assert min(map(len, found)) > 32
