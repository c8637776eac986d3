"""`paragone new model` writes what trains; `paragone check-model` says in words what a file lacks."""

import re
import sys
from pathlib import Path

import pytest

from paragone.cli import models
from paragone.engine import contract
from paragone.engine.contract import Candidate
from paragone.project import settings
from support import ROOT, settings_files
from support.stand_in import SMALL

SMALLEST = '{"width": 8, "z_dim": 8}'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings_files.write(tmp_path, SMALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def template(**changes: str) -> str:
    text = (ROOT / "src/paragone/cli/templates/model.py.txt").read_text().replace("TITLE", "Mine")
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    return text


def test_a_new_model_keeps_the_contract_and_has_a_row(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models.new(project, settings.read(project, "quick"), "mine_first", "gan", "quick")
    assert models.check(project, "plugins/models/gan/mine_first.py", SMALLEST), capsys.readouterr().out
    assert settings.load(project, "quick").profiles["quick"].models["mine_first"].config == {"width": 32}
    assert "contract.check" in (project / "plugins/tests/test_mine_first.py").read_text()
    with pytest.raises(ValueError, match="'mine_first': there is a model of that name already"):
        models.new(project, settings.read(project, "quick"), "mine_first", "gan", "quick")


def test_a_profile_without_rows_of_its_own_gets_its_first(project: Path) -> None:
    settings_files.write_profile(project, "mine", {"about": "More.", "extends": "quick"})
    models.new(project, settings.read(project, "mine"), "mine_second", "gan", "mine")
    assert set(settings.load(project, "mine").profiles["mine"].models) == {"ddpm", "ddim", "mine_second"}
    file = project / "profiles/mine.yaml"
    file.write_text(file.read_text().replace("models:\n", "models: {}  # none\n").partition("  mine_second")[0])
    with pytest.raises(ValueError, match="its rows stand in the line `models:`"):
        models.new(project, settings.read(project, "mine"), "mine_third", "gan", "mine")


def test_a_name_that_cannot_be_is_refused_and_nothing_written(project: Path) -> None:
    for name, message in (("My-GAN", "is no name for a model"), ("dcgan", "there is a model of that name already")):
        with pytest.raises(ValueError, match=message):
            models.new(project, settings.read(project, "quick"), name, "gan", "quick")
    assert not (project / "plugins").exists()


@pytest.mark.parametrize(
    ("i", "old", "new", "about", "problem"),
    [
        (0, "https://arxiv.org/abs/0000.00000", "nowhere", "docstring", "names no address"),
        (1, "frozen=True, ", "", "Config", "Config is no frozen dataclass"),
        (2, "int = 128", "int", "Config", "Config.z_dim has no default; give the paper's"),
        (3, 'Update("g"', 'Update("h"', "losses", "names the optimiser 'h'; there are d, g"),
        (4, "softplus(-self.D(fake).float()).mean()", "softplus(-self.D(fake).float())", "losses", "give one finite"),
        (5, "torch.tanh(self.G(z).float())", "3 * self.G(z).float() + 9", "samples", "keep to -1 to 1"),
        (6, 'generator = "g"', 'generator = ""', "optimisers", "name the optimiser that trains what draws: d, g"),
        (
            7,
            "    def sample",
            "    def encode(self, x):\n        return x\n\n    def sample",
            "declared",
            "has `encode`",
        ),
        (
            8,
            "(n,C,H,W)\n",
            "(n,C,H,W)\n\n\nclass Third(Model):\n    pass\n",
            "one Model",
            "2 Model sub",
        ),
        (9, "self.G = Gen", "raise RuntimeError('no')\n        self.G = Gen", "builds", "RuntimeError: no"),
    ],
)
def test_what_is_wrong_is_said(
    project: Path, tmp_path: Path, i: int, old: str, new: str, about: str, problem: str
) -> None:
    file = project / f"plugins/models/gan/wrong{i}.py"
    file.parent.mkdir(parents=True)
    file.write_text(template(change=(old, new)))
    found = {a: p for a, p in contract.check(Candidate(f"wrong{i}", {"width": 8, "z_dim": 8}, tmp_path)) if p}
    assert any(about in a and problem in p for a, p in found.items()), found


def test_every_sentence_of_help_names_a_remedy(project: Path) -> None:
    for model, config, message in (
        ("nowhere.py", "", r"nowhere.py: is not there; name a file below plugins/models"),
        ("dcgam", "", "there is no model 'dcgam'; did you mean 'dcgan'"),
        ("dcgan", "[1]", r"--config \[1\]: is no object"),
        ("dcgan", "{width: 8}", "is not JSON"),
    ):
        with pytest.raises(ValueError, match=message):
            models.check(project, model, config)
    (project / "mine.py").touch()
    with pytest.raises(
        ValueError, match=re.escape("mine.py: is not where models are found; move it to plugins/models/")
    ):
        models.check(project, "mine.py", "")
