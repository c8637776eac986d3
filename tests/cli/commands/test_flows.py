"""The commands of `flows`: under which name they show their help and refuse an option."""

import os
import subprocess
import sys

import pytest

from support import ROOT


def started(*words: str) -> subprocess.CompletedProcess[str]:
    """A command of this project, run to its end."""
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.parametrize("command", ["run", "ui", "serve"])
def test_help_has_the_name_that_was_typed(command: str) -> None:
    assert started("paragone", command, "--help").stdout.lstrip().startswith(f"Usage: paragone {command} [OPTIONS]")


def test_a_module_started_as_one_says_so() -> None:
    assert "PARAGONE_STARTED_AS" not in os.environ
    assert started("flows.benchmark", "--help").stdout.lstrip().startswith("Usage: python -m flows.benchmark [OPTIONS]")


def test_an_unknown_option_is_refused_under_that_name() -> None:
    done = started("paragone", "run", "--slotz", "2")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Try 'paragone run --help' for help." in done.stderr
