"""Write files so that one which exists is whole: a temporary name, a sync to disk, then a rename."""

import errno
import hashlib
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # what a disk, or a share of it, says when it is full


def replace(temporary: Path, final: Path) -> None:
    """Sync `temporary` to disk and give it its final name in one atomic step."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(final)
    folder = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write(path: Path, writer: Callable[[Path], None]) -> None:
    """Let `writer` write a temporary file beside `path`, then rename it. Raises OSError naming the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")  # keeps the suffix: writers choose a format by it
    try:
        writer(temporary)
        temporary.chmod(0o666 & ~_umask())  # safetensors writes files that only their owner may read
        replace(temporary, path)
    except OSError as error:
        reason = error.strerror or error
        raise OSError(
            f"{path}: could not be written ({reason}); nothing was kept, free disk space and run again"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    write(path, lambda temporary: _put(temporary, text))


def _put(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys; numbers that are not finite become null (JSON has no others)."""
    write_text(path, json.dumps(_finite(value), indent=2, sort_keys=True, allow_nan=False) + "\n")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_json(path: Path) -> Any:
    """Read JSON. Raises ValueError naming the file when it is missing or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file; run the stage that makes it (dvc repro)") from None
    except (ValueError, RecursionError) as error:  # bytes that are not UTF-8 are a ValueError too
        raise ValueError(f"{path}: not JSON ({error}); delete it and run its stage again") from None


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
