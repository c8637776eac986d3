"""What a flow publishes of a stage: which stages make assets, and the end of a log."""

from pathlib import Path

from flows.run import artifacts
from support import settings_files
from support.stand_in import SMALL


def test_data_sets_and_reports_are_assets(tmp_path: Path) -> None:
    settings_files.write(tmp_path, SMALL)
    data = artifacts.asset(tmp_path, "quick", "ingest-digits")
    assert data is not None
    assert data.key == "paragone://data/digits"
    assert data.properties is not None
    assert data.properties.url == (tmp_path / "data/prepared/digits").as_uri()
    report = artifacts.asset(tmp_path, "all", "runs/all/dvc.yaml:report")
    assert report is not None
    assert report.key == "paragone://report/all"
    assert report.properties is not None
    assert report.properties.url == (tmp_path / "reports/all/index.html").as_uri()
    assert artifacts.asset(tmp_path, "quick", "runs/quick/digits/ddpm/dvc.yaml:train@0") is None
    assert artifacts.asset(tmp_path, "quick", "validate-digits") is None
