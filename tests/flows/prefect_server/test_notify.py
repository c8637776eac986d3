"""Notifications: what prefect.yaml may ask for, and that a real Prefect server tells a webhook."""

import time
from pathlib import Path

import pytest

from flows.prefect_server import notify, server
from flows.prefect_server.server import ServerError
from flows.run.processes import Guard
from paragone.project import paths
from paragone.results import history
from support import listeners
from support.listeners import wait_for


def ask(root: Path, text: str) -> notify.Notifications | None:
    (root / notify.FILE).write_text(text)
    return notify.read(root)


def test_nothing_is_asked_for_unless_it_is_written(tmp_path: Path) -> None:
    assert notify.read(tmp_path) is None
    assert ask(tmp_path, "deployments: []") is None


def test_a_variable_keeps_an_address_out_of_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", "https://example.org/secret")
    found = ask(tmp_path, "notifications: {webhook: '${HOOK}', worse: 0.1}")
    assert found == notify.Notifications(webhook="https://example.org/secret", worse=0.1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "notifications: has none of webhook, mail, block; give one"),
        ("{webhook: 'http://x', block: slack-webhook/a}", "notifications: has webhook and block of webhook, mail, "),
        ("{webhook: '${NOT_SET}'}", "notifications.webhook: the variable NOT_SET is not set; set it"),
        ("{webhook: somewhere}", "notifications.webhook: is no address that begins with http:// or https://; give"),
        ("{mail: me@example.org}", "notifications.mail: is no address that begins with mailto:// or mailtos://; "),
        ("{block: alerts}", "notifications.block: String should match pattern .* it is 'alerts'"),
        ("{webhook: 'http://x', worse: 0}", "notifications.worse: Input should be greater than 0; it is 0"),
        ("{sms: me}", "notifications.sms: Extra inputs are not permitted; it is 'me'"),
    ],
)
def test_what_cannot_be_asked_for_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ServerError, match=f"^prefect.yaml: {message}"):
        ask(tmp_path, f"notifications: {text}")


def figures(mean: float) -> str:
    return f"2026-01-01T03:00:0{int(mean)}Z,abc,False,2,digits,gan,fd_clf,{mean},1,terms\n"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_failed_run_and_a_distance_that_rose_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.setenv(server.SECRET, "paragone:of-this-test")
    with Guard() as guard, listeners.webhook() as (address, texts):
        url = server.start(guard, tmp_path, tmp_path / "server.log", server.free_port(), interface=True)
        monkeypatch.setenv("PREFECT_API_URL", url)
        from prefect import get_client
        from prefect.client.orchestration import SyncPrefectClient
        from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
        from prefect.states import Completed, Failed

        def run_ends_with(client: SyncPrefectClient, state: object) -> None:
            flow = client.create_flow_from_name("benchmark")
            deployment = client.create_deployment(flow, "nightly")
            run = client.create_flow_run_from_deployment(deployment)
            client.set_flow_run_state(run.id, state, force=True)

        with (
            temporary_settings({PREFECT_API_URL: url, PREFECT_API_AUTH_STRING: "paragone:of-this-test"}),
            get_client(sync_client=True) as client,
        ):
            wanted = ask(tmp_path, f"notifications: {{webhook: '{address}'}}")
            for _ in range(2):  # serving again makes no second pair
                notify.establish(wanted)
            assert len(client.read_automations()) == 2
            time.sleep(3)  # the server looks for new automations now and then
            run_ends_with(client, Completed())
            run_ends_with(client, Failed(message="some stages failed"))
            wait_for(texts, 1)
            assert "Paragone: a scheduled run failed\nnightly, run " in texts[0]
            assert "Failed. some stages failed" in texts[0]

            file = tmp_path / paths.history("quick")
            file.parent.mkdir(parents=True)
            file.write_text(f"{','.join(history.FIELDS)}\n{figures(5)}")
            before = notify.recorded(tmp_path, "quick")
            notify.tell_worse(tmp_path, "quick", before)  # nothing new
            file.write_bytes(before + figures(6).encode())
            notify.tell_worse(tmp_path, "quick", before)
            wait_for(texts, 2)
            assert texts[1] == "Paragone: a distance rose\ndigits gan fd_clf: 5 before, 6 now"

            with pytest.raises(ServerError, match="Prefect has no block 'slack-webhook/alerts'; make it in Prefect's"):
                notify.establish(notify.Notifications(block="slack-webhook/alerts"))
            notify.establish(None)
            assert client.read_automations() == []
            assert len(texts) == 2
