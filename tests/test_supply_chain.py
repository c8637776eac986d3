"""What an install takes: every file by its hash, as constraints.txt has it; nothing floats where the build begins."""

import re
import tomllib

from support import ROOT

BUILDS = {"torch", "torchvision"}  # which differ by machine


def pins(file: str) -> dict[str, str]:
    lines = [line for line in (ROOT / file).read_text().splitlines() if line and not line.startswith("#")]
    found = dict(re.fullmatch(r"([\w.-]+)==(\S+)(?: --hash=sha256:[0-9a-f]{64})?", line).groups() for line in lines)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found.items()}


def test_the_lock_file_has_a_hash_for_every_pin() -> None:
    """`make lock` renews it."""
    constrained = pins("constraints.txt")
    assert pins("requirements.lock") == {name: v for name, v in constrained.items() if name not in BUILDS}
    lines = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
    assert all(" --hash=sha256:" in line for line in lines)


def test_the_build_requires_one_version() -> None:
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert required == [f"setuptools=={pins('constraints.txt')['setuptools']}"]


def test_an_image_holds_no_results_and_no_history() -> None:
    ignored = set((ROOT / ".dockerignore").read_text().split())
    assert {".git", ".venv", "data", "runs"} <= {name.strip("/*") for name in ignored} or "*" in ignored
