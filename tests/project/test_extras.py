"""A light install: what each extra holds, and the sentence that says which one is missing."""

import subprocess
import sys
import tomllib

import pytest

from paragone.project import extras

CORE = ("paragone", "paragone.cli.app", "paragone.stages.train", "paragone.stages.sample", "paragone.stages.evaluate",
        "paragone.stages.reference", "paragone.stages.classifier", "paragone.stages.ingest", "paragone.stages.report",
        "paragone.project.pipeline", "paragone.cli.claims", "paragone.cli.export", "paragone.cli.doctor")  # fmt: skip
IMPORTED_AS = {  # packages whose import name is another one
    "great-expectations": "great_expectations",
    "adversarial-robustness-toolbox": "art",
    "scikit-learn": "sklearn",
    "invisible-watermark": "imwatermark",
    "dvc-s3": "dvc_s3",
}


def test_the_extras_of_messages_are_those_of_pyproject(root):
    declared = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = {extra: [line.partition(">=")[0].partition("==")[0] for line in declared[extra]] for extra in extras.EXTRAS}
    found = {extra: tuple(IMPORTED_AS.get(name, name) for name in listed) for extra, listed in names.items()}
    assert found == extras.EXTRAS
    assert declared["all"] == [f"paragone[{','.join(extras.EXTRAS)}]"]


def test_the_core_imports_no_package_of_an_extra():
    """In a process of its own: this one has imported everything. scikit-learn comes with mlxtend, and is no matter."""
    packages = {name for names in extras.EXTRAS.values() for name in names} - {"sklearn"}
    code = (
        f"import importlib, sys\nfor name in {CORE!r}: importlib.import_module(name)\n"
        f"print(sorted(set(sys.modules) & {packages!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_package_of_an_extra_is_named_with_the_command(monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name in ("prefect", "mlflow") else object())
    sentence = extras.explain(ModuleNotFoundError("No module named 'mlflow'", name="mlflow.entities"))
    assert (
        sentence
        == "this needs mlflow, which a light install leaves out; pip install 'paragone[pipeline]' adds what is missing"
    )
    with pytest.raises(extras.MissingExtraError, match="this needs prefect, mlflow, which"):
        extras.require("pipeline")
    extras.require("studies")


def test_other_errors_are_none_of_an_extra():
    assert extras.explain(ModuleNotFoundError("x", name="paragone.nothing")) is None
    assert extras.explain(ModuleNotFoundError("x", name="dvc.nothing")) is None  # dvc is here: another fault
    assert extras.explain(ValueError("x")) is None
