"""The layout of the code: who may import whom, and what no model file may do."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from paragone.project import fingerprint, registry
from support import ROOT

PACKAGE = ROOT / "src/paragone"
# From the top down: a layer imports from itself and from those below it.
PACKAGE_LAYERS = ("cli", "stages", "report", "results", "evaluation", "engine", "data", "project", "models")
FLOW_LAYERS = ("benchmark fleet serve ui", "remote", "prefect_server", "run", "dvc")
LAYERS = (
    ("benchmarks", "tests"),
    *(tuple(f"flows.{name}" for name in layer.split()) for layer in FLOW_LAYERS),
    ("paragone", "paragone.__main__"),  # the package itself: `load`, for whoever uses a finished model
    *((f"paragone.{name}",) for name in PACKAGE_LAYERS),
)
ORCHESTRATION = ("dvc", "prefect", "mlflow", "great_expectations")
MAY_IMPORT = {  # the only imports of those inside of the package
    "paragone.report.tracking.mirror": "mlflow",
    "paragone.report.tracking.models": "mlflow",
    "paragone.report.tracking.store": "mlflow",
    "paragone.stages.validate": "great_expectations",
    "paragone.stages.expectations": "great_expectations",
}
MODEL_MAY = ("paragone.models.base", "paragone.models.layers")


def modules() -> dict[str, Path]:
    """Every module of the package, the flows and the benchmarks, by dotted name."""
    found = fingerprint.find(PACKAGE) | fingerprint.find(ROOT / "flows")
    return found | {f"benchmarks.{f.stem}": f for f in sorted((ROOT / "benchmarks").glob("*.py"))}


MODULES = modules()


def imported(source: str) -> Iterator[str]:
    """The absolute names of what a file imports, imports inside functions included."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import; write it out"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def starts(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def layer(name: str) -> int:
    """Which layer a dotted name belongs to; the longest match counts. Raises LookupError for one that has none."""
    found = [(len(p), i) for i, layer in enumerate(LAYERS) for p in layer if starts(name, p)]
    if not found:
        raise LookupError(f"{name} is in no layer")
    return max(found)[1]


def upward(name: str, source: str) -> list[str]:
    """The imports of a module that lead up, as sentences."""
    ours = sorted({n for n in imported(source) if starts(n, "paragone", "flows", "benchmarks")})
    exempt = name == "paragone"  # `paragone.load` imports the engine when it is called
    return [
        f"{name} imports {n}, a layer above its own"
        for n in ours
        if not exempt and layer(n) < layer(name) and n not in ("paragone", "paragone.__version__")
    ]


@pytest.mark.parametrize("name", MODULES)
def test_imports_lead_down(name: str) -> None:
    assert not upward(name, MODULES[name].read_text())


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("paragone.models.gan.dcgan", "from paragone.engine.loop import fit"),
        ("paragone.project.params", "from paragone.evaluation.studies.base import Work"),
        ("paragone.results.evidence", "from paragone.report import tables"),
        ("paragone.data.base", "def f():\n    import paragone.engine.seeding"),
        ("paragone.stages.train", "from flows.dvc import graph"),
        ("flows.dvc.locks", "from flows.run.processes import Guard"),
        ("flows.run.plan", "from flows import benchmark"),
    ],
)
def test_a_single_import_that_leads_up_is_seen(name: str, line: str) -> None:
    source = MODULES[name].read_text()
    assert not upward(name, source)
    assert upward(name, f"{source}\n{line}\n")


@pytest.mark.parametrize("top", ["src/paragone", "flows"])
def test_the_folders_are_the_layers(top: str) -> None:
    """So that the list above leaves nothing out."""
    wanted = set(PACKAGE_LAYERS) if top == "src/paragone" else {n for names in FLOW_LAYERS for n in names.split()}
    found = {p.stem for p in (ROOT / top).iterdir() if p.suffix == ".py" or (p.is_dir() and any(p.glob("*.py")))}
    assert found - {"__init__", "__main__"} == wanted


def test_there_is_no_circle() -> None:
    """Of modules: a fingerprint cannot be made of one."""
    tree = fingerprint.Tree()
    assert all(tree.hash(name) for name in MODULES if name.startswith("paragone."))


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("paragone")])
def test_orchestration_stays_out_of_the_package(name: str) -> None:
    """So models, engine and metrics run on a bare GPU machine."""
    found = {n.split(".")[0] for n in imported(MODULES[name].read_text()) if starts(n, *ORCHESTRATION, "flows")}
    assert found <= {MAY_IMPORT.get(name)} | ({"dvc", "prefect", "mlflow"} if name == "paragone.cli.doctor" else set())


def test_the_exceptions_are_still_needed() -> None:
    for name, package in MAY_IMPORT.items():
        assert any(starts(n, package) for n in imported(MODULES[name].read_text())), f"{name} no longer needs {package}"


def test_what_fingerprints_ignore_exists() -> None:
    assert set(MODULES) >= fingerprint.IGNORED


def model_files() -> Iterable[str]:
    return [name for name in MODULES if starts(name, "paragone.models") and MODULES[name].stem != "__init__"]


@pytest.mark.parametrize("name", [n for n in model_files() if not starts(n, *MODEL_MAY)])
def test_models_import_torch_and_the_shared_layers_only(name: str) -> None:
    """And the networks of other models, from their files."""
    models = {registry.module_name("models", n) for n in registry.names("models")}
    wrong = [
        n for n in imported(MODULES[name].read_text()) if starts(n, "paragone") and not starts(n, *MODEL_MAY, *models)
    ]
    assert not wrong, f"{name} imports {wrong}; a model file may import {', '.join(MODEL_MAY)} and models' networks"


def test_layers_know_nothing_of_models() -> None:
    for name in (n for n in MODULES if starts(n, "paragone.models.layers")):
        wrong = [n for n in imported(MODULES[name].read_text()) if starts(n, "paragone")]
        assert all(starts(n, "paragone.models.layers") for n in wrong), f"{name} imports {wrong}"


def test_leaf_modules_import_nothing_of_the_package() -> None:
    for name in ("project.paths", "project.environment", "engine.seeding", "project.fingerprint"):
        assert not [n for n in imported(MODULES[f"paragone.{name}"].read_text()) if starts(n, "paragone")]


@pytest.mark.parametrize("name", registry.names("models"))
def test_no_model_yields_inside_a_with(name: str) -> None:
    """A `yield` inside of `with torch.no_grad()` would leave it switched on in the training loop."""
    source = MODULES[registry.module_name("models", name)].read_text()
    assert not yields_inside_with(ast.parse(source))


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
    """The lines of the yields that are inside of a `with` of the same function."""
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


def test_the_package_itself_holds_its_version_and_loaders_alone() -> None:
    """`paragone` itself is left out of the fingerprints, so that a release reruns nothing."""
    body = ast.parse((PACKAGE / "__init__.py").read_text()).body
    assert [node.name for node in body if isinstance(node, ast.FunctionDef)] == ["_load_pyfunc", "load"]
    rest = [type(node).__name__ for node in body if not isinstance(node, ast.FunctionDef | ast.Import | ast.ImportFrom)]
    assert rest == ["Expr", "If", "Assign", "Assign"]
