"""Projects to measure on: one with trivial stages and a graph as large as the survey's, and copies of this one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from paragone.project import files, paths, profiles
from paragone.project.params import FILE

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent

# Stands in for the command `paragone`: it finds the stage that runs it and writes that stage's outputs. Anything else
# goes to the real command. It imports only sys and os, so that it costs next to nothing.
COMMAND = """#!{python} -ISE
import os, sys

CONTENT = {{
    "json": "{{}}",
    "csv": "kimg,loss/d,loss/g\\n" + "".join("%d,%f,%f\\n" % (i, 1 / i, 2 - 1 / i) for i in range(1, 201)),
}}
command, seed = " ".join(["paragone", *sys.argv[1:]]), sys.argv[-1]
pipeline = "runs/{{}}/{{}}/{{}}/dvc.yaml".format(*sys.argv[2:5]) if "--seed" in sys.argv else "dvc.yaml"
inside = listing = done = False
for line in open(pipeline) if os.path.exists(pipeline) else ():
    key, _, value = line.strip().partition(": ")
    if key == "cmd":
        inside, listing = value.replace("${{item}}", seed) == command, False
        done = done or inside
    elif line.strip() in ("outs:", "metrics:", "plots:"):
        listing = True
    elif not line.lstrip().startswith("- ") and not line.startswith("       "):
        listing = False
    elif inside and listing and key.startswith("- "):
        out = key[2:].rstrip(":").replace("${{item}}", seed)
        folder, content = "." not in os.path.basename(out), CONTENT.get(out.rpartition(".")[2], command)
        os.makedirs(out if folder else os.path.dirname(out), exist_ok=True)
        for file in ("dataset.json", "x") if folder else ("",):
            open(os.path.join(out, file) if folder else out, "w").write("{{}}" if file.endswith("json") else content)
if not done or command.startswith(("paragone fingerprint", "paragone profile")):
    os.execv({real!r}, [{real!r}, *sys.argv[1:]])
"""


def build(folder: Path, datasets: int) -> None:
    """A separate project: git, DVC, the pipelines of `datasets` data sets, and COMMAND first on PATH."""
    smoke = profiles.resolve(ROOT, "smoke")
    names = [f"set-{i:02d}" for i in range(datasets)]
    models = dict(list(smoke["models"].items())[:12])
    profile = {**smoke, "datasets": names, "seeds": [0, 1, 2], "models": models}
    entry = {"loader": "shapes", "source": "generated"}
    params = {"profile": "survey", "datasets": dict.fromkeys(names, entry)}
    for file, content in ((Path(FILE), params), (paths.profile("survey"), profile)):
        files.write_text(folder / file, yaml.safe_dump(content, sort_keys=False))
    copy_project(folder)
    command = folder / "build/paragone"
    command.parent.mkdir()
    command.write_text(COMMAND.format(python=sys.executable, real=str(BIN / "paragone")))
    command.chmod(0o755)
    enter(folder)
    begin(folder)


def copy_project(folder: Path) -> None:
    """Copy the code and DVC's settings, so that edits made meanwhile change nothing."""
    for name in (".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    for name in ("src", "flows"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))


def begin(folder: Path) -> None:
    """Create its git repository and pipelines."""
    for line in ("git init -q", "git add .", "git -c user.name=a -c user.email=a@b commit -qm x", "paragone pipeline"):
        subprocess.run(line.split(), cwd=folder, check=True)


def enter(folder: Path) -> None:
    """Let this process's children find the project's own command, package and flows."""
    os.environ["PATH"] = f"{folder / 'build'}{os.pathsep}{BIN}{os.pathsep}{os.environ['PATH']}"
    os.environ["PYTHONPATH"] = f"{folder / 'src'}{os.pathsep}{folder}"
    os.environ["PREFECT_HOME"] = str(folder / ".prefect")
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
