"""A project in a folder of its own: real pipelines, real git and DVC, and a stand-in for the command `paragone`."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from paragone.cli import pipeline as generator
from paragone.project.params import Params
from support import ROOT, settings_files

SMALL: dict[str, Any] = {
    "profile": "quick",
    "datasets": {
        "digits": {"loader": "mnist", "source": "packaged"},
        "clothes": {"loader": "fashion_mnist", "source": "local", "path": "upstream"},
    },
    "profiles": {
        "all": {
            "about": "Everything.",
            "datasets": ["digits", "clothes"],
            "seeds": [0, 1],
            "samples": 16,
            "sample_batch": 8,
            "spaces": ["lite0"],
            "models": {"vae": {}},
        },
        "quick": {
            "about": "Little.",
            "datasets": ["digits"],
            "seeds": [0],
            "samples": 16,
            "sample_batch": 8,
            "spaces": ["classifier", "lite0"],
            "models": {"ddpm": {"plan": {"kimg": 1}}, "ddim": {"parents": {"ddpm": "ddpm"}}},
        },
    },
}


# A stand-in for the command: it finds the stage that runs it and fills its outputs from what that stage depends on.
COMMAND = """#!{python}
import hashlib, json, sys, time
from pathlib import Path
import yaml

command = " ".join(["paragone", *sys.argv[1:]])
seed = sys.argv[-1]
behaviour = yaml.safe_load(Path("build/behaviour.yaml").read_text()).get(command)
if behaviour == "fail":
    sys.exit(f"paragone: {{command}} cannot go on")
if behaviour is not None:
    Path("build/started").touch()
    while isinstance(behaviour, dict) and time.process_time() < behaviour["compute"]:
        pass
    time.sleep(behaviour if not isinstance(behaviour, dict) else 0)
if command.startswith(("paragone pipeline", "paragone table")):
    print(f"<{{command}}>")
    sys.exit()
if command == "paragone fingerprint":
    lines = Path("src/paragone/code").read_text().splitlines()
    Path("runs/code.yaml").write_text("\\n".join(line.partition("#")[0].rstrip() for line in lines))
    sys.exit()
if command.startswith("paragone profile"):
    content = yaml.safe_load(Path(f"profiles/{{sys.argv[2]}}.yaml").read_text())
    Path(f"runs/{{sys.argv[2]}}").mkdir(parents=True, exist_ok=True)
    Path(f"runs/{{sys.argv[2]}}/profile.json").write_text(json.dumps(content))
    sys.exit()
for pipeline in [Path("dvc.yaml"), *Path("runs").rglob("dvc.yaml")]:
    for stage in yaml.safe_load(pipeline.read_text())["stages"].values():
        stage = stage.get("do", stage)
        if stage["cmd"].replace("${{item}}", seed) != command:
            continue
        files = [Path(dep.replace("${{item}}", seed)) for dep in stage.get("deps", [])]
        content = [(file / "x" if file.is_dir() else file).read_bytes() for file in files if file.exists()]
        for entry in stage["params"]:
            name, keys = next(iter(entry.items())) if isinstance(entry, dict) else ("params.yaml", [entry])
            for key in keys:
                value = yaml.safe_load(Path(name).read_text())
                for part in key.split("."):
                    value = value[part]
                content.append(repr(value).encode())
        digest = hashlib.md5(b"".join(content)).hexdigest()
        for entry in stage.get("outs", []) + stage.get("metrics", []) + stage.get("plots", []):
            out = Path((next(iter(entry)) if isinstance(entry, dict) else entry).replace("${{item}}", seed))
            out.parent.mkdir(parents=True, exist_ok=True)
            if not out.suffix:
                out.mkdir(exist_ok=True)
                (out / "dataset.json").write_text(digest)
                out = out / "x"
            number = int(digest[:6], 16)
            out.write_text(f"kimg,loss\\n0,{{number}}\\n" if out.suffix == ".csv" else f'{{{{"fd": {{number}}}}}}')
"""


def build(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make `folder` a git repository with the pipelines of SMALL, the project's DVC settings and COMMAND on PATH."""
    for name in (".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text((ROOT / name).read_text())
    settings_files.write(folder, SMALL)
    (folder / "upstream").write_text("x")
    (folder / "src/paragone").mkdir(parents=True)  # a clone, whose code is what its stages depend on
    generator.write(folder, Params.model_validate(SMALL))
    code: dict[str, Any] = {}
    for key in sorted(_fingerprints(folder)):
        *above, last = key.split(".")
        inner = code
        for part in above:
            inner = inner.setdefault(part, {})
        inner[last] = 1
    (folder / "src/paragone/code").write_text(yaml.safe_dump(code))
    command = folder / "build/paragone"
    command.parent.mkdir()
    command.write_text(COMMAND.format(python=sys.executable))
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    behave(folder, {})
    for line in ("git init -q", "git add .", "git -c user.name=a -c user.email=a@b commit -qm x"):
        subprocess.run(line.split(), cwd=folder, check=True)
    return folder


def _fingerprints(folder: Path) -> set[str]:
    """The keys of runs/code.yaml that the pipelines depend on."""
    keys: set[str] = set()
    for pipeline in [folder / "dvc.yaml", *(folder / "runs").rglob("dvc.yaml")]:
        for stage in yaml.safe_load(pipeline.read_text())["stages"].values():
            entries = stage.get("do", stage).get("params", [])
            keys |= {key for entry in entries if isinstance(entry, dict) for key in entry.get("runs/code.yaml", [])}
    return keys


def behave(folder: Path, behaviour: dict[str, Any]) -> None:
    """What commands do before their work: `fail`, or sleep for that many seconds, or {compute: seconds of CPU}."""
    (folder / "build/behaviour.yaml").write_text(yaml.safe_dump(behaviour))
