"""Publishing: a folder with a card that a hub reads; to the Hub only with a token and its package."""

import importlib.util
from pathlib import Path

import pytest
import yaml

from paragone.cli import export, publish
from paragone.engine.inference import ReuseError
from paragone.project import files
from support.square_images import RUN


@pytest.fixture(scope="module")
def project(squares: Path) -> Path:
    return squares


def test_the_card_s_head_has_the_run_s_figures(project: Path, tmp_path: Path) -> None:
    publish.run(project / RUN.folder, str(tmp_path / "vae-squares"))
    head = yaml.safe_load((tmp_path / "vae-squares/README.md").read_text().split("---")[1])
    (model,) = head["model-index"]
    (result,) = model["results"]
    assert (model["name"], result["dataset"]["type"]) == ("vae-squares", "squares")
    assert result["task"]["type"] == "unconditional-image-generation"
    fd = next(metric for metric in result["metrics"] if metric["type"] == "fd_clf")
    assert fd["name"] == "FD-clf"
    assert fd["value"] == files.read_json(project / RUN.metrics)["spaces"]["clf-squares"]["fd"]


@pytest.mark.parametrize(
    ("to", "token", "message"),
    [
        ("hub:nobody", "x", "'hub:nobody': is no repository; write hub:USER/NAME"),
        ("hub:somebody/vae", "", "HF_TOKEN: is not set, and publishing to the Hub takes a token of yours"),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_exported(
    project: Path, to: str, token: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in publish.TOKENS:
        monkeypatch.delenv(name, raising=False)
    if token:
        monkeypatch.setenv(publish.TOKENS[0], token)
    monkeypatch.setattr(export, "export", lambda *_: pytest.fail("exported before it was clear where to"))
    with pytest.raises(ReuseError, match=message):
        publish.run(project / RUN.folder, to)


@pytest.mark.skipif(importlib.util.find_spec("huggingface_hub") is not None, reason="the package is there")
def test_without_the_hub_s_package_it_says_so(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(publish.TOKENS[0], "x")
    with pytest.raises(ReuseError, match="huggingface_hub: is not installed"):
        publish.run(project / RUN.folder, "hub:somebody/vae")
