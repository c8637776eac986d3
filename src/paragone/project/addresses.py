"""Addresses as they may be printed, stored and sent: without the user and password that some of them hold."""

import re

USER = re.compile(r"(?<=://)[^/?#\s]*@")  # up to the last @ before the path: a password may hold one
SECRET = re.compile(
    r"(?i)([?&](?:[\w-]*(?:token|password|passwd|pwd|secret|signature|credential|api_?key)[\w-]*)=)[^&#\s]+"
)


def public(text: str) -> str:
    """A text with the user info and secret parameters of every address in it taken out."""
    return SECRET.sub(r"\1...", USER.sub("", text))


def holds_secret(address: str) -> bool:
    """Whether an address holds a password or a secret parameter; a user alone, as in ssh://git@host, is none."""
    found = USER.search(address)
    user = found[0].removesuffix("@") if found else ""
    named = bool(user) and (":" in user or address.lower().startswith(("http://", "https://")))
    return named or SECRET.search(address) is not None
