"""The sample project with its results."""

import pytest

from support import sample_project
from support.sample_project import Project


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return sample_project.load(tmp_path_factory.mktemp("project"))
