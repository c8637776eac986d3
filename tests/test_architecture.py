"""The shape of the house: who may import whom, and what no model file may do."""

import ast
from pathlib import Path

import pytest

from paragone import registry

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/paragone"
STAGE_ONLY = {"dvc", "prefect", "great_expectations"}  # and mlflow, which tracking.py alone imports
MODEL_MAY = ("paragone.models.base", "paragone.layers", "paragone.functional")
TOP = {"cli", "__main__", "doctor"}  # entry points, which call stages
FILES = sorted(f for f in PACKAGE.rglob("*.py"))
MODELS = [f for f in FILES if "models" in f.parts and f.stem != "__init__"]


def imports(file: Path) -> set[str]:
    """The absolute names of what a file imports, imports inside functions included."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: line {node.lineno}: a relative import; write it out"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def starts(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def forbidden(file: Path, *packages: str) -> list[str]:
    """The imports of a file from some packages, as sentences."""
    return [f"{file.relative_to(ROOT)} imports {n}" for n in sorted(imports(file)) if starts(n, *packages)]


@pytest.mark.parametrize("file", MODELS, ids=lambda f: f.stem)
def test_models_import_torch_and_the_shared_layers_only(file: Path) -> None:
    wrong = [n for n in imports(file) if starts(n, "paragone") and not starts(n, *MODEL_MAY)]
    assert not wrong, f"{file.relative_to(ROOT)} imports {wrong}; a model file may import {', '.join(MODEL_MAY)}"


def test_layers_and_functional_know_nothing_above_them() -> None:
    for file in [PACKAGE / "functional.py", *sorted((PACKAGE / "layers").glob("*.py"))]:
        wrong = [
            n
            for n in imports(file)
            if starts(n, "paragone") and not starts(n, "paragone.layers", "paragone.functional")
        ]
        assert not wrong, f"{file.relative_to(ROOT)} imports {wrong}"


def test_leaf_modules_import_nothing_of_the_package() -> None:
    for name in ("paths", "environment", "seeding", "fingerprint"):
        assert not forbidden(PACKAGE / f"{name}.py", "paragone")


def test_below_the_stages_no_orchestration_is_imported() -> None:
    for file in FILES:
        inner = file.relative_to(PACKAGE)
        if inner.parts[0] == "stages" or inner.stem in TOP:
            continue
        assert not forbidden(file, *STAGE_ONLY, "flows", "paragone.stages", "paragone.cli")
        if inner.name != "tracking.py":
            assert not forbidden(file, "mlflow")


def test_stages_do_not_know_the_flows() -> None:
    for file in sorted((PACKAGE / "stages").glob("*.py")):
        assert not forbidden(file, "flows", "prefect", "dvc", "mlflow")


def test_params_is_read_by_stages_and_what_stands_beside_them_only() -> None:
    below = [
        f for kind in ("models", "layers", "metrics", "extractors", "datasets") for f in (PACKAGE / kind).rglob("*.py")
    ]
    for file in [*below, *(PACKAGE / f"{name}.py" for name in ("training", "sampling", "checkpoint", "registry"))]:
        assert not forbidden(file, "paragone.params")


@pytest.mark.parametrize("name", registry.names("models"))
def test_no_model_yields_inside_a_with(name: str) -> None:
    """A `yield` inside of `with torch.no_grad()` would leave it switched on in the training loop."""
    file = PACKAGE.joinpath(*registry.module_name("models", name).split(".")[1:]).with_suffix(".py")
    assert not yields_inside_with(ast.parse(file.read_text()))


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("with a:\n    yield 1", [2]),
        ("with a:\n    for b in c:\n        x = yield", [3]),
        ("with a:\n    pass\nyield 1", []),
        ("with a:\n    def g():\n        yield 1", []),
        ("async def f():\n    async with a:\n        yield 1", [3]),
        ("with a:\n    yield from b", [2]),
    ],
)
def test_the_check_itself(code: str, lines: list[int]) -> None:
    assert yields_inside_with(ast.parse(code)) == lines


def yields_inside_with(tree: ast.AST, inside: bool = False) -> list[int]:
    """The lines of the yields that stand inside of a `with` of the same function."""
    found = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Yield | ast.YieldFrom) and inside:
            found.append(node.lineno)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            found += yields_inside_with(node, inside=False)
        else:
            found += yields_inside_with(node, inside or isinstance(node, ast.With | ast.AsyncWith))
    return found


def test_no_inheritance_between_models() -> None:
    for name in registry.names("models"):
        assert [base.__name__ for base in registry.model_class(name).__bases__] == ["Model"]


def test_the_package_holds_its_version_and_load_alone() -> None:
    """`paragone` itself is left out of the fingerprints, so that a release reruns nothing."""
    body = ast.parse((PACKAGE / "__init__.py").read_text()).body
    assert [type(node).__name__ for node in body] == ["Expr", "ImportFrom", "ImportFrom", "If", "Assign", "FunctionDef"]
    assert body[-1].name == "load"
