"""The report as one file of the benchmark's run in MLflow: report.zip, to be unpacked and opened at index.html."""

import hashlib
import tempfile
import zipfile
from pathlib import Path
from typing import Any

NAME = "report.zip"
TAG = "paragone.report"  # of the run: which files are in it, as they were
PARTS = ("index.html", "site", "tables", "figures")  # other profiles' reports may stand beside them
STORED = (".webp", ".png", ".parquet")  # compressed already


def keep(client: Any, run_id: str, folder: Path) -> None:
    """Log the report in a folder to a run, if it is whole and another one than the run has."""
    found = _files(folder)
    if folder / "index.html" not in found:
        return
    digest = hashlib.sha256()
    for file in found:
        state = file.stat()
        digest.update(f"{file.relative_to(folder)}|{state.st_size}|{state.st_mtime_ns}\n".encode())
    if client.get_run(run_id).data.tags.get(TAG) == digest.hexdigest():
        return
    with tempfile.TemporaryDirectory() as temporary:
        _pack(folder, found, Path(temporary) / NAME)
        client.log_artifact(run_id, str(Path(temporary) / NAME))
    client.set_tag(run_id, TAG, digest.hexdigest())  # last: a report that was cut short is logged again


def _files(folder: Path) -> list[Path]:
    there = [part for name in PARTS for part in (folder / name, *(folder / name).rglob("*"))]
    return sorted(file for file in there if file.is_file())


def _pack(folder: Path, found: list[Path], archive: Path) -> None:
    with zipfile.ZipFile(archive, "w") as packed:
        for file in found:
            kind = zipfile.ZIP_STORED if file.suffix in STORED else zipfile.ZIP_DEFLATED
            packed.write(file, Path("report") / file.relative_to(folder), kind)
