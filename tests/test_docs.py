"""Every command of README.md, docs/, examples/ and CONTRIBUTING.md is one that there is, with options that it has.

Commands that take long are run by other tests: `paragone init` and `paragone run` (test_install), `dvc exp` and `dvc
metrics` (project/test_experiments), the examples (test_examples), `make demo` (CI). Here each is read by the parser
that would run it.
"""

import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import typer

import paragone
from flows import benchmark, fleet, serve, ui
from paragone.cli import app
from support import ROOT

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "examples/README.md",
]
FLOWS = {"benchmark": benchmark.app, "fleet": fleet.app, "serve": serve.app, "ui": ui.app}
OTHERS = {
    "cd",
    "docker",
    "git",
    "dvc",
    "gto",
    "mlflow",
    "prefect",
    "aws",
    "export",
    "sudo",
    "apt",
    "rsync",
    "ssh",
    "tar",
}  # not ours
Refused = typer.BadParameter.__mro__[2]  # what parsers raise: `ClickException`, of the click that typer brings
PREFIX = re.compile(r"^(\$ )?(\w+=\S+ )*(\.venv/bin/)?")


def shell_lines(text: str) -> Iterator[str]:
    """The lines of fenced blocks that have no language, or that of a shell."""
    language: str | None = None  # None: outside of a block
    for line in text.replace("\\\n", " ").splitlines():
        if line.lstrip().startswith("```"):
            language = line.strip().strip("`") if language is None else None
        elif language in ("", "sh", "bash", "console"):
            yield line


def commands() -> Iterator[tuple[str, str]]:
    """(page, command) of each line of a shell."""
    for page in PAGES:
        for line in shell_lines(page.read_text()):
            for part in re.split(r"\s&&\s|;\s", re.sub(r"(^|\s)#\s.*", "", line)):
                if re.match(r"[a-z./]", command := PREFIX.sub("", part.strip())):
                    yield str(page.relative_to(ROOT)), command


FOUND = sorted(set(commands()))


def parse(command: Any, words: list[str]) -> None:
    """Let the parser of a command read its words. Raises Refused."""
    context = command.make_context(command.name or "", list(words))
    if hasattr(command, "resolve_command"):  # it has commands of its own
        name, inner, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert inner is not None, name
        parse(inner, rest)


def check(words: list[str]) -> None:
    """Raise an error unless there is such a command."""
    if words[0] == "torchrun" or words[:2] == ["docker", "run"]:  # which start it
        words = words[words.index("paragone") :]
    match words:
        case ["paragone", "run" | "ui" | "serve" as name, *rest]:
            parse(typer.main.get_command(FLOWS["benchmark" if name == "run" else name]), rest)
        case ["paragone", *rest]:
            if rest and rest != ["--help"]:
                parse(typer.main.get_command(app.app), rest)
        case ["python" | "python3", "-m", module, *rest] if module.startswith("flows."):
            parse(typer.main.get_command(FLOWS[module.removeprefix("flows.")]), rest)
        case ["python" | "python3", file, *_] if file.endswith(".py"):
            assert (ROOT / file).is_file()
        case ["make", *rest]:
            verbs = [word for word in rest if "=" not in word]
            subprocess.run(["make", "-n", *rest], cwd=ROOT, capture_output=True, check=True)
            assert all(re.search(rf"^{verb}:", (ROOT / "Makefile").read_text(), re.M) for verb in verbs)
        case ["pip", *_]:
            extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
            named = re.findall(r"paragone[\w.-]*\[([^]]+)\]", " ".join(words))
            wheel = f"paragone-{paragone.__version__}-py3-none-any.whl"
            assert all(wheel in word for word in words if ".whl" in word)
            assert all(extra in extras for names in named for extra in names.split(","))
        case [first, *_]:
            assert first in OTHERS, f"{first}: not known here; name what checks it"


@pytest.mark.parametrize(("page", "command"), FOUND, ids=[f"{page}: {command[:60]}" for page, command in FOUND])
def test_a_printed_command_is_one_that_there_is(page: str, command: str) -> None:
    check(shlex.split(command))


def test_there_are_commands_to_check() -> None:
    assert len(FOUND) > 40
    assert {"README.md", "docs/get-started.md", "docs/own-images.md"} <= {page for page, _ in FOUND}


@pytest.mark.parametrize(
    "command", ["paragone runn", "paragone score x --datasets y", "make demos", "pip install 'paragone[al]'"]
)
def test_one_that_there_is_not_is_seen(command: str) -> None:
    with pytest.raises((Refused, AssertionError, subprocess.CalledProcessError)):
        check(shlex.split(command))


def test_every_page_is_in_the_sites_menu() -> None:
    menu = (ROOT / "mkdocs.yml").read_text()
    pages = [str(file.relative_to(ROOT / "docs")) for file in (ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if f": {page}\n" not in menu] == []


def test_what_the_readme_shows_is_there() -> None:
    text = (ROOT / "README.md").read_text()
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert [link for link in links if not (ROOT / link).exists()] == []
    assert text.count("\n") < 110  # a screen that sells, and no manual


def test_the_image_is_built_from_what_there_is() -> None:
    """Docker itself is not at hand everywhere: what the Dockerfile copies must pass .dockerignore, and be there."""
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert all((ROOT / name).exists() for name in kept)
    copied = re.findall(r"^COPY (?!--from)(\S+)", (ROOT / "Dockerfile").read_text(), re.M)
    assert all(name == "." or name in kept for name in copied)
    assert "[all]" in (ROOT / "Dockerfile").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"src", "flows", "pyproject.toml", project["readme"], *project["license-files"]} <= set(kept)
