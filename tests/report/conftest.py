"""The sample project with its results, and its report as the stage writes it."""

from pathlib import Path
from typing import NamedTuple

import pytest

from paragone.project.params import Params
from paragone.report.pages.base import Report
from paragone.results import runs
from paragone.results.runs import Results
from paragone.stages import report as stage
from support import sample_project


class Project(NamedTuple):
    root: Path
    params: Params
    found: Results


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two data sets, three seeds, every outcome, both studies; not to be changed by a test."""
    root = tmp_path_factory.mktemp("project")
    params = sample_project.make(root)
    return Project(root, params, runs.read(root, params, "quick"))


@pytest.fixture(scope="session")
def report(project: Project) -> Report:
    """All that its report shows."""
    return stage.gather(project.root, project.params, "quick")


@pytest.fixture(scope="session")
def report_folder(project: Project, report: Report) -> Path:
    """The written report."""
    stage.write(report, project.root / "reports")
    return project.root / "reports"
