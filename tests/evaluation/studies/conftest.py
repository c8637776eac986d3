"""The small project of drawn shapes, and a network that reads them: each made once."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from paragone.data.datasets import shapes
from paragone.evaluation import factor_classifier
from paragone.evaluation.factor_classifier import FactorClassifier
from support import drawn_project
from support.factors import SHAPES


@pytest.fixture(scope="session")
def drawn(once: Callable[[str, Callable[[Path], object]], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its folder; a test may write studies into it, and nothing else."""
    made = once("drawn", drawn_project.make)
    return Path(shutil.copytree(made, tmp_path_factory.mktemp("drawn"), dirs_exist_ok=True))


@pytest.fixture(scope="session")
def shapes_classifier() -> FactorClassifier:
    """Trained for a few kimg: it reads colours, places and backgrounds, the rest badly."""
    return factor_classifier.train(shapes.draw, SHAPES, 32, 16.0, 0.125, progress=False)
