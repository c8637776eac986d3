"""`paragone doctor` finds what is there, names what is not, and its verdict follows."""

import io

from rich.console import Console

from paragone.cli import doctor
from paragone.project import environment


def findings(root):
    return {f.what: f for f in doctor.examine(root)}


def test_it_looks_at_everything_the_default_profile_needs(root):
    found = findings(root)
    assert {
        "processor",
        "memory",
        "bf16 on the CPU",
        "GPU",
        "torchvision",
        "space lite0",
        "disk",
        "MLflow store",
    } <= set(found)
    assert found["space lite0"].state == "ok"
    assert found["torchvision"].state == "ok"


def test_missing_weights_name_the_way_out(root, tmp_path, monkeypatch):
    monkeypatch.setenv("PARAGONE_INCEPTION", str(tmp_path / "gone.pth"))
    finding = findings(root)["space inception"]
    assert finding.state == "absent"
    assert "gone.pth" in finding.meaning


def test_a_store_that_cannot_be_written_is_broken(root, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////proc/mlflow.db")
    finding = findings(root)["MLflow store"]
    assert finding.state == "broken"
    assert "/proc cannot be written" in finding.found
    out = io.StringIO()
    assert doctor.report(root, Console(file=out, width=200)) is False
    assert "broken" in out.getvalue()


def test_a_missing_git_is_a_row(root, monkeypatch):
    monkeypatch.setenv("PATH", "")
    found = findings(root)
    assert found["git"].state == "broken"
    assert found["git checkout"].state == "broken"
    assert "git cannot be run" in found["git checkout"].meaning


def test_a_git_that_refuses_is_a_row_with_the_way_out(root, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    finding = findings(root)["git checkout"]
    assert finding.state == "broken"
    assert "safe.directory" in finding.meaning


def test_what_was_neutralised_is_listed_without_its_value(root, monkeypatch):
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", "postgresql://user:secret@host/db")
    monkeypatch.setenv("PREFECT_API_URL", "")
    monkeypatch.setattr(environment, "neutralised", {})
    environment.prepare(root)
    found = findings(root)
    assert "dropped" in found["PREFECT_API_DATABASE_CONNECTION_URL"].found
    assert "secret" not in str(found)
