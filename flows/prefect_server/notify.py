"""Who is told when a scheduled run fails, or a distance of a report rose: Prefect's automations, as prefect.yaml asks.

notifications:
  webhook: ${PARAGONE_WEBHOOK}    # an address that takes a POST of {"text": ...}; variables keep it out of git
  mail: ${PARAGONE_MAIL}          # or mail: mailtos://NAME:PASSWORD@SERVER?from=ADDRESS&to=ADDRESS
  block: slack-webhook/alerts     # or a notification block made in Prefect's pages: Slack, Teams, SendGrid, ...
  worse: 0.05                     # a Frechet distance that rose by more than this share
"""

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flows.prefect_server.server import ServerError
from flows.run.progress import console
from paragone.project import paths

FILE = "prefect.yaml"
KEY = "notifications"
WORSE = "paragone.distance.worse"  # event
PREFIX = "paragone: "  # of the automations' names
VARIABLE = re.compile(r"\$\{(\w+)\}")
WAYS = ("webhook", "mail", "block")
SCHEMES = {
    "webhook": ("http:// or https://", "https?", "give one that takes a POST"),
    "mail": ("mailto:// or mailtos://", "mailtos?", "write mailtos://NAME:PASSWORD@SERVER?from=ADDRESS&to=ADDRESS"),
}


class Notifications(BaseModel):
    """What prefect.yaml says of them."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    webhook: str = ""
    mail: str = ""
    block: Annotated[str, Field(pattern=r"^([a-z0-9-]+/[\w-]+)?$")] = ""  # type/name
    worse: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.05


def read(root: Path) -> Notifications | None:
    """What is asked for, variables of webhooks put in; None if nothing is. Raises ServerError."""
    if (found := _parsed(root)) is None:
        return None
    given = [key for key in WAYS if getattr(found, key)]
    if len(given) != 1:
        raise ServerError(f"{FILE}: {KEY}: has {' and '.join(given) or 'none'} of {', '.join(WAYS)}; give one")
    return found.model_copy(update={key: _address(key, getattr(found, key)) for key in given if key in SCHEMES})


def _address(key: str, written: str) -> str:
    """The address with its variables put in. Raises ServerError for what is none."""
    if missing := [name for name in VARIABLE.findall(written) if not os.environ.get(name)]:
        raise ServerError(f"{FILE}: {KEY}.{key}: the variable {missing[0]} is not set; set it, or remove the key")
    address = VARIABLE.sub(lambda match: os.environ[match[1]], written)
    begin, form, remedy = SCHEMES[key]
    if not re.match(rf"{form}://\S+$", address):  # which may be a secret, and is not printed
        raise ServerError(f"{FILE}: {KEY}.{key}: is no address that begins with {begin}; {remedy}")
    return address


def _parsed(root: Path) -> Notifications | None:
    content = yaml.safe_load((root / FILE).read_text()) if (root / FILE).exists() else None
    given = content.get(KEY) if isinstance(content, dict) else None
    if given is None:
        return None
    try:
        return Notifications.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join([KEY, *map(str, first["loc"])])
        raise ServerError(f"{FILE}: {place}: {first['msg']}; it is {first['input']!r:.60}") from None


def establish(wanted: Notifications | None) -> None:
    """Make the automations at the server of PREFECT_API_URL anew, or remove them. Raises ServerError for a block that
    it does not have."""
    from prefect import get_client

    with get_client(sync_client=True) as client:
        for automation in client.read_automations():
            if automation.name.startswith(PREFIX) and automation.id is not None:
                client.delete_automation(automation.id)
        if wanted is None:
            return
        block = _named(client, wanted.block) if wanted.block else _made(wanted)
        for automation in _automations(block):
            client.create_automation(automation)


def _made(wanted: Notifications) -> UUID:
    """A block of ours, under one name whatever its kind is."""
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    from flows.prefect_server.mail import Mail

    if wanted.mail:
        return UUID(str(Mail.model_validate({"url": wanted.mail}).save("paragone", overwrite=True)))
    content = {"name": "paragone", "url": wanted.webhook, "json_data": {"text": "{{subject}}\n{{body}}"}}
    block = CustomWebhookNotificationBlock.model_validate(content)
    return UUID(str(block.save("paragone", overwrite=True)))


def _named(client: Any, block: str) -> UUID:
    from prefect.exceptions import ObjectNotFound

    kind, _, name = block.partition("/")
    try:
        return UUID(str(client.read_block_document_by_name(name, kind).id))
    except ObjectNotFound:
        raise ServerError(
            f"{FILE}: {KEY}.block: Prefect has no block '{block}'; make it in Prefect's pages, under Blocks"
        ) from None


def _automations(block: UUID) -> list[Any]:
    from prefect.automations import AutomationCore, EventTrigger, SendNotification

    failed = EventTrigger(
        expect={f"prefect.flow-run.{state}" for state in ("Failed", "Crashed", "TimedOut")},
        match_related={"prefect.resource.role": "deployment"},
    )
    rose = EventTrigger(expect={WORSE})
    run = "{{ deployment.name }}, run {{ flow_run.name }}: {{ flow_run.state.name }}. {{ flow_run.state.message }}"
    return [
        AutomationCore(
            name=f"{PREFIX}{name}",
            trigger=trigger,
            actions=[SendNotification(block_document_id=block, subject=subject, body=body)],
        )
        for name, trigger, subject, body in (
            ("a run failed", failed, "Paragone: a scheduled run failed", run),
            ("a distance rose", rose, "Paragone: a distance rose", "{{ event.payload.text }}"),
        )
    ]


def _tolerance(root: Path) -> float:
    """The share that is asked for; the default where prefect.yaml cannot be used, which `make serve` says."""
    with suppress(ServerError, yaml.YAMLError):
        return (_parsed(root) or Notifications()).worse
    return Notifications().worse


def recorded(root: Path, profile: str) -> bytes:
    """The record of a profile's reports as it is."""
    file = root / paths.history(profile)
    return file.read_bytes() if file.exists() else b""


def tell_worse(root: Path, profile: str, before: bytes) -> None:
    """Say which distances rose by what was added to the record since it was `before`: here, and to Prefect."""
    if recorded(root, profile) == before:
        return
    from prefect.events import emit_event

    from flows.run.artifacts import LOST
    from paragone.results import history  # only now: it is slow to import

    tolerance = _tolerance(root)
    found = history.worse(history.read(root, profile), tolerance)
    if not found:
        return
    text = "\n".join(f"{' '.join(of.key)}: {of.before:.4g} before, {of.now:.4g} now" for of in found)
    console.print(f"Distances that rose by more than {tolerance:.0%} since the last report:\n{text}", style="yellow")
    with suppress(*LOST):
        emit_event(WORSE, {"prefect.resource.id": f"paragone.profile.{profile}"}, payload={"text": text})
