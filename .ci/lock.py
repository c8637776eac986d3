"""Write requirements.lock: every package of constraints.txt that an install takes, with the SHA-256 of its file.

    make lock     asks pip, and so whatever index pip is configured with, what it would install here

PyTorch's builds differ by machine (CPU, CUDA), so torch and torchvision stay out; constraints.txt has their versions.
"""

import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILDS = {"torch", "torchvision", "triton", "paragone"}  # and what only they need
HEADER = """\
# What `pip install -c constraints.txt '.[dev]'` takes on {machine} with Python {python}, by SHA-256. Elsewhere
# other files of the same versions fit, which constraints.txt names. `make lock` renews it.
#     pip install -c constraints.txt torch torchvision
#     pip install --require-hashes --no-deps -r requirements.lock && pip install --no-deps .
"""


def main(file: Path) -> None:
    """Write the lock file of what pip would install into an empty environment."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        command += ["--report", str(report), "-c", "constraints.txt", ".[dev]"]
        subprocess.run(command, cwd=ROOT, check=True)
        file.write_text(lock(json.loads(report.read_text())))


def lock(report: dict) -> str:
    """The text of the lock file for a report of pip. Raises KeyError for a package whose file has no SHA-256."""
    lines = {}
    for item in report["install"]:
        name = item["metadata"]["name"].lower().replace("_", "-")
        if name not in BUILDS and not name.startswith("nvidia-"):
            digest = item["download_info"]["archive_info"]["hashes"]["sha256"]
            lines[name] = f"{name}=={item['metadata']['version']} --hash=sha256:{digest}"
    machine = f"{platform.system()} {platform.machine()}"
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return HEADER.format(machine=machine, python=python) + "".join(f"{lines[name]}\n" for name in sorted(lines))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
