"""Publish a finished run: as a folder, or to the Hugging Face Hub with the user's own token."""

import importlib
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from paragone.cli import export
from paragone.engine.inference import ReuseError

HUB = "hub:"  # begins the name of a repository
TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")  # where the Hub's own tools look


def run(run_: Path, to: str) -> None:
    """Export a run into a new folder, or push it to `hub:USER/NAME`. Raises ReuseError, and then publishes nothing."""
    if not to.startswith(HUB):
        export.export(run_, Path(to))
        return
    name = to.removeprefix(HUB)
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise ReuseError(f"'{to}': is no repository; write {HUB}USER/NAME, or a folder")
    token = next((value for key in TOKENS if (value := os.environ.get(key))), "")
    if not token:
        raise ReuseError(
            f"{TOKENS[0]}: is not set, and publishing to the Hub takes a token of yours; set it for this call"
        )
    api = _api(token)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / name.partition("/")[2]
        export.export(run_, whole)
        try:
            api.create_repo(name, exist_ok=True)
            api.upload_folder(repo_id=name, folder_path=str(whole), commit_message=f"{run_} as Paragone measured it")
        except Exception as error:  # whatever the Hub or the network says
            message = " ".join(str(error).split())[:300].replace(token, "...")
            raise ReuseError(
                f"{to}: the Hub refused it ({type(error).__name__}: {message}); correct that and run again"
            ) from None
    print(f"{run_}: https://huggingface.co/{name}")


def _api(token: str) -> Any:
    """The Hub's client. Raises ReuseError where its package is missing."""
    try:
        hub = importlib.import_module("huggingface_hub")
    except ImportError:
        raise ReuseError(
            "huggingface_hub: is not installed, and publishing to the Hub takes it; pip install it"
        ) from None
    return hub.HfApi(token=token)
