"""The small project of drawn shapes, made once."""

from pathlib import Path

import pytest

from support import drawn_project


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its folder; a test may write studies into it, and nothing else."""
    root = tmp_path_factory.mktemp("drawn")
    drawn_project.make(root)
    return root
