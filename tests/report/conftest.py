"""The sample project with its results, and its report as the stage writes it."""

from pathlib import Path
from typing import NamedTuple

import pytest

import sample_project
from paragone.params import Params
from paragone.report import results
from paragone.report.results import Results
from paragone.stages import report


class Project(NamedTuple):
    root: Path
    params: Params
    found: Results


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two data sets, three seeds, and every outcome; not to be changed by a test."""
    root = tmp_path_factory.mktemp("project")
    params = sample_project.make(root)
    return Project(root, params, results.read(root, params, "quick"))


@pytest.fixture(scope="session")
def report_folder(project: Project) -> Path:
    """The written report."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project.root}/mlflow.db")
        report.run(project.root, project.params, "quick")
    return project.root / "reports"
