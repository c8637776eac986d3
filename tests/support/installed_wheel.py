"""The package as a user has it: a wheel built from the sdist, in an environment with what it asks for and no more.

The packages themselves are links to those of this environment, so that nothing is downloaded.
"""

import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support import ROOT


def build(folder: Path) -> tuple[Path, Path]:
    """Build (sdist, wheel) in a folder, from what git tracks or would: the wheel from the unpacked sdist."""
    source, dist = folder / "source", folder / "dist"
    source.mkdir(parents=True)
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    pack = subprocess.run(["tar", "c", "--null", "-T", "-"], cwd=ROOT, input=names, stdout=subprocess.PIPE, check=True)
    subprocess.run(["tar", "x"], cwd=source, input=pack.stdout, check=True)
    _backend(source, f"build_sdist({str(dist)!r})")
    (sdist,) = dist.glob("*.tar.gz")
    subprocess.run(["tar", "xf", sdist], cwd=folder, check=True)
    _backend(folder / sdist.name.removesuffix(".tar.gz"), f"build_wheel({str(dist)!r})")
    (wheel,) = dist.glob("*.whl")
    return sdist, wheel


def _backend(folder: Path, call: str) -> None:
    code = f"import setuptools.build_meta as backend; backend.{call}"
    subprocess.run([sys.executable, "-c", code], cwd=folder, stdout=subprocess.DEVNULL, check=True)


def install(wheel: Path, extra: str, folder: Path) -> Path:
    """An environment with the wheel and the packages that it asks for with this extra ("": none); its bin folder."""
    venv.create(folder, symlinks=True)
    python = folder / "bin/python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index", wheel]
    subprocess.run([*map(str, command), "--disable-pip-version-check"], check=True)
    (site,) = (folder / "lib").glob("python*/site-packages")
    (distribution,) = metadata.distributions(name="paragone", path=[str(site)])
    for name in _needed(distribution.requires or [], extra):
        _link(name, site, folder / "bin")
    return folder / "bin"


def _needed(requires: list[str], extra: str) -> Iterator[str]:
    """The names of all packages that these requirements bring, each once."""
    left, seen = [(Requirement(line), extra) for line in requires], set[tuple[str, str]]()
    while left:
        requirement, chosen = left.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": chosen}):
            continue
        name = canonicalize_name(requirement.name)
        for wish in ("", *requirement.extras):
            if name == "paragone":
                left += [(Requirement(line), wish) for line in requires if wish]
            elif (name, wish) not in seen:
                seen.add((name, wish))
                left += [(Requirement(line), wish) for line in metadata.distribution(name).requires or []]
    yield from sorted({name for name, _ in seen})


def _link(name: str, site: Path, binaries: Path) -> None:
    """Link one package of this environment into another one, and write its commands."""
    found = metadata.distribution(name)
    for top in {file.parts[0] for file in found.files or [] if file.parts[0] not in ("..", "__pycache__")}:
        if not (site / top).exists():
            (site / top).symlink_to(found.locate_file(top))
    for entry in found.entry_points.select(group="console_scripts"):
        script = binaries / entry.name
        call = f"import sys\nfrom {entry.module} import {entry.attr}\nsys.exit({entry.attr}())\n"
        script.write_text(f"#!{binaries / 'python'}\n{call}")
        script.chmod(0o755)


def run(binaries: Path, *command: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command of an environment, as in a shell where that one is activated."""
    there = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    there |= {"PATH": f"{binaries}:/usr/local/bin:/usr/bin:/bin", "CUDA_VISIBLE_DEVICES": ""}
    done = [str(binaries / command[0]), *command[1:]]
    return subprocess.run(done, cwd=cwd, env=there, capture_output=True, text=True, timeout=550, check=False)
