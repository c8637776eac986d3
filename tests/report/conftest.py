"""The sample project with its results, and its report as the stage writes it."""

from pathlib import Path

import pytest

from paragone.report.pages.base import Report
from paragone.stages import report as stage
from support import sample_project
from support.sample_project import Project


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return sample_project.load(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def report(project: Project) -> Report:
    """All that its report shows."""
    return stage.gather(project.root, project.params, "quick")


@pytest.fixture(scope="session")
def report_folder(project: Project, report: Report) -> Path:
    """The written report."""
    stage.write(report, project.root / "reports")
    return project.root / "reports"
