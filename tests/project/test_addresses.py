"""Passwords in addresses are neither printed nor sent."""

import pytest

from paragone.project.addresses import holds_secret, public

ADDRESSES = {
    "https://host/x.git": ("https://host/x.git", False),
    "https://me:pass@host/x.git": ("https://host/x.git", True),
    "https://ghp_token@host/x.git": ("https://host/x.git", True),
    "https://me:p@ss@host:8080/x": ("https://host:8080/x", True),
    "postgresql+psycopg2://me:pass@host/db": ("postgresql+psycopg2://host/db", True),
    "ssh://git@host/x.git": ("ssh://host/x.git", False),
    "git@host:x.git": ("git@host:x.git", False),
    "s3://bucket/a@b": ("s3://bucket/a@b", False),
    "sqlite:////home/a@b/mlflow.db": ("sqlite:////home/a@b/mlflow.db", False),
    "https://host/x?access_token=abc&y=1": ("https://host/x?access_token=...&y=1", True),
    "https://bucket/x?X-Amz-Signature=abc": ("https://bucket/x?X-Amz-Signature=...", True),
    "https://host/x?sig=abc": ("https://host/x?sig=abc", False),
    "http://host/x?api_key=1#end": ("http://host/x?api_key=...#end", True),
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_is_secret_is_taken_out(address: str) -> None:
    wanted, secret = ADDRESSES[address]
    assert public(address) == wanted
    assert holds_secret(address) is secret
    assert public(f"cannot reach {address} (refused)") == f"cannot reach {wanted} (refused)"
