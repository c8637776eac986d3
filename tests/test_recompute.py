"""What `benchmarks/recompute.py` finds in a project's raw files is what the project says; it imports nothing of it."""

import ast
import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from paragone.evaluation import intervals
from paragone.project import files, paths
from paragone.results.claims.base import about, at_least, decide
from paragone.stages import study
from support import ROOT, square_images

FILE = ROOT / "benchmarks" / "recompute.py"


@pytest.fixture(scope="module")
def recompute() -> ModuleType:
    spec = importlib.util.spec_from_file_location("recompute", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_imports_numpy_pandas_and_scipy_alone() -> None:
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(FILE.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert imported == {"json", "sys", "pathlib", "typing", "numpy", "pandas", "scipy"}


@pytest.mark.slow
def test_metrics_come_out_again(recompute: ModuleType, squares: Path) -> None:
    params = square_images.params(studies={"sharpness": {"rows": ["vae"]}})
    study.run(squares, params, "small", "sharpness")
    found: pd.DataFrame = recompute.metrics(squares, "small", "squares", "vae")
    assert len(found) == 6
    assert found["here"].to_numpy(float) == pytest.approx(found["project"].to_numpy(float), rel=1e-4, abs=1e-4)
    said = files.read_json(squares / square_images.RUN.metrics)["spaces"]["clf-squares"]["fd"]
    assert found.loc["FD-clf", "project"] == said
    assert (squares / paths.study("small", "sharpness")).is_file()


def test_its_rule_is_the_rule(recompute: ModuleType) -> None:
    draw = np.random.default_rng(0)
    for _ in range(200):
        a, b = np.exp(draw.normal(draw.normal(0, 0.2), 0.05, 5)), np.exp(draw.normal(0, 0.05, 5))
        value, low, high, verdict = recompute.rule(recompute.ratio(a, b), 1.1, 1.0, 1.1)
        size = intervals.ratio(list(a), list(b))
        assert (value, low, high) == pytest.approx(size[:3])
        assert verdict == decide(size, at_least(1.1))
        d = draw.normal(draw.uniform(-2, 5), draw.uniform(0.1, 2), (2, 5))
        *_, verdict = recompute.rule(recompute.difference(*d), 1.0, 0.0, 0.5, most=3.0)
        assert verdict == decide(intervals.difference(*map(list, d)), about(1.0, 3.0, neutral=0.0, equal=0.5))
