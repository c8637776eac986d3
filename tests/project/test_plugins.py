"""What comes from outside of the package: files of the project's plugins/, and entry points of installed packages."""

import subprocess
import sys
from pathlib import Path

import pytest

from paragone.project import fingerprint, plugins, registry
from paragone.stages import fingerprint as stage

METRIC = "from paragone.evaluation.metrics.base import Pixels\nneeds = Pixels\n\ndef compute(view):\n    return {}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "params.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def put(project: Path, name: str, text: str = "") -> Path:
    file = project / "plugins" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_a_file_of_the_project_is_found_imported_and_named(project: Path) -> None:
    put(project, "metrics/brightness.py", METRIC)
    put(project, "metrics/_draft.py")
    assert "brightness" in registry.names("metrics")
    assert "_draft" not in registry.names("metrics")
    assert registry.load("metrics", "brightness").compute(None) == {}
    assert registry.origin("metrics", "brightness") == "plugins/metrics/brightness.py"
    assert registry.origin("metrics", "kid") == ""


def test_a_model_s_family_is_its_folder(project: Path) -> None:
    put(project, "models/energy/anybody.py")
    put(project, "models/layers/shared.py")
    assert registry.family("anybody") == "energy"
    assert "shared" not in registry.names("models")


def test_it_has_a_fingerprint_with_what_it_imports(project: Path) -> None:
    put(project, "models/energy/somebody.py", "from plugins.models.layers import blocks\n")
    blocks = put(project, "models/layers/blocks.py", "WIDTH = 1\n")
    before = stage.fingerprints()
    blocks.write_text("# a comment changes nothing\nWIDTH = 1\n")
    assert stage.fingerprints() == before
    blocks.write_text("WIDTH = 2\n")
    after = stage.fingerprints()
    assert before["models"].pop("somebody") != after["models"].pop("somebody")
    assert before == after


def test_a_name_that_is_taken_is_refused(project: Path) -> None:
    put(project, "models/gan/dcgan.py")
    with pytest.raises(ValueError, match=r"plugins/models/gan/dcgan.py: there is a model 'dcgan' already, paragone\.m"):
        registry.names("models")


def test_outside_of_a_project_there_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert plugins.of_kind("models") == {}
    assert plugins.modules() == {}


def test_an_installed_package_gives_what_its_entry_points_name(project: Path, tmp_path: Path) -> None:
    """In a process of its own, as whoever installed it has one."""
    package = project / "site"
    (package / "theirs").mkdir(parents=True)
    (package / "theirs/__init__.py").touch()
    (package / "theirs/energy.py").write_text("WIDTH = 1\n")
    info = package / "theirs-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text("[paragone.models]\nenergy = theirs.energy\n")
    code = f"""
import sys
sys.path.insert(0, {str(package)!r})
from pathlib import Path
from paragone.project import plugins, registry
said = (registry.module_name("models", "energy"), registry.origin("models", "energy"), registry.family("energy"))
print(" | ".join(said))
print(sorted(plugins.modules()), plugins.watched(Path()))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    first, second = found.splitlines()
    assert first == "theirs.energy | theirs 1.5 | theirs"
    assert second == f"['theirs', 'theirs.energy'] ['{package}/theirs']"
    assert fingerprint.find(package / "theirs").keys() == {"theirs", "theirs.energy"}
