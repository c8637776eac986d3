"""No server of ours is open: a secret for each start, for this user alone, and no page of another origin."""

import http.server
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from flows.prefect_server import server
from flows.run.processes import Guard
from support import ROOT

CHROMIUM = shutil.which("chromium")
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
    assert status in ((400,) if what == "the name of another host" else (401, 405))
    assert "Access-Control-Allow-Origin" not in found


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://localhost:4200"])
def test_pages_of_other_origins_may_not_even_ask(url: str, origin: str) -> None:
    asked = {"Origin": origin, "Access_Control_Request_Method": "POST"}
    status, found = ask(f"{url}/deployments/", method="OPTIONS", **asked, Access_Control_Request_Headers="content-type")
    assert status in (400, 401)
    assert found.get("access-control-allow-origin") != origin
    assert found.get("access-control-allow-origin") != "*"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:4200", "127.0.0.1.evil.example", "localhost.evil", "", "[::]"]
)
@pytest.mark.parametrize("path", ["/api/health", "/api/admin/version", "/", "/ui-settings"])
def test_another_name_for_this_machine_leads_nowhere(url: str, host: str, path: str) -> None:
    """As one that a page has its own name lead here by; also with the secret."""
    assert ask(f"{url.removesuffix('/api')}{path}", Host=host, **shown())[0] == 400


def shown() -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(b'paragone:of-this-test').decode()}"}


POST = """async ([url, body, how]) => {
  const failed = error => ({status: String(error), text: () => ""})
  const answer = await fetch(url, {method: "POST", body, ...how}).catch(failed)
  return [answer.status, await answer.text()]
}"""
FORM = """([url, body]) => {
  const form = document.createElement("form"), field = document.createElement("input")
  Object.assign(form, {method: "POST", action: url, enctype: "text/plain"})
  Object.assign(field, {name: body.slice(0, -1) + ', "x": "', value: '"}'})
  form.append(field); document.body.append(form); form.submit()
}"""


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_page_of_another_origin_cannot_deploy(url: str, tmp_path: Path) -> None:
    """In a real browser: by scripts that ask first and that do not, by a form, and under a name of its own."""
    from playwright.sync_api import sync_playwright

    flow = json.loads(sent(f"{url}/flows/", {"name": "benchmark"}))["id"]
    body = json.dumps({"name": "evil", "flow_id": flow})
    (tmp_path / "index.html").write_text("<!doctype html><title>x</title><body>")
    port = url.rpartition(":")[2].removesuffix("/api")
    rebound = f"http://evil.example:{port}"
    plain = {"headers": {"Content-Type": "text/plain"}}
    with sync_playwright() as playwright, elsewhere(tmp_path) as page_url:
        names = "--host-resolver-rules=MAP evil.example 127.0.0.1"
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", names])
        page = browser.new_page()
        page.goto(page_url)
        deployments = f"{url}/deployments/"
        asking = {"headers": {"Content-Type": "application/json"}}
        assert "TypeError" in page.evaluate(POST, [deployments, body, asking])[0]
        assert "TypeError" in page.evaluate(POST, [deployments, body, plain])[0]
        assert page.evaluate(POST, [deployments, body, plain | {"mode": "no-cors"}]) == [0, ""]
        assert page.evaluate("([url, body]) => navigator.sendBeacon(url, body)", [deployments, body]) in (True, False)
        with page.expect_navigation():
            page.evaluate(FORM, [deployments, body])
        assert "nauthorized" in page.content()
        assert page.goto(f"{rebound}/docs").status == 400
        assert page.evaluate(POST, [f"{rebound}/api/deployments/", body, asking])[0] == 400
        assert json.loads(sent(f"{url}/deployments/count", {})) == 0
        page.goto(url.replace("/api", "/docs"))  # of the server's own origin, and with the secret
        owned = {"headers": {"Content-Type": "application/json", **shown()}}
        assert page.evaluate(POST, [deployments, body, owned])[0] == 201
        assert json.loads(sent(f"{url}/deployments/count", {})) == 1
        browser.close()


def sent(url: str, body: dict[str, str]) -> bytes:
    headers = {"Content-Type": "application/json", **shown()}
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers), timeout=30) as reply:
        return bytes(reply.read())


@contextmanager
def elsewhere(folder: Path) -> Iterator[str]:
    """A server of pages at another port, so of another origin."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer((server.LOOPBACK, 0), handler) as pages:
        threading.Thread(target=pages.serve_forever, daemon=True).start()
        yield f"http://{server.LOOPBACK}:{pages.server_port}/index.html"
        pages.shutdown()


def test_with_the_secret_it_answers(url: str) -> None:
    assert ask(f"{url}/work_pools/filter", b"{}", **shown())[0] == 200
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
