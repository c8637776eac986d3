"""Check a model against the contract, or write the first version of one."""

import json
import tempfile
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

from paragone.engine import contract
from paragone.engine.contract import Candidate
from paragone.project import files, paths, plugins, registry
from paragone.project.params import Params


def check(root: Path, model: str, config: str) -> bool:
    """Print what is looked at and what is wrong; whether nothing is. model: its name, or its file below plugins/.

    Raises ValueError for a file that the registry does not find, or a config that is no JSON object.
    """
    name = _name(root, model)
    try:
        chosen: Any = json.loads(config or "{}")
    except json.JSONDecodeError as error:
        raise ValueError(f"--config {config}: is not JSON ({error}); write it as '{{\"width\": 8}}'") from None
    if not isinstance(chosen, dict):
        raise ValueError(f"--config {config}: is no object; write it as '{{\"width\": 8}}'")
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for about, problem in contract.check(Candidate(name, chosen, Path(folder))):
            print(f"{'not yet' if problem else 'ok':>8}  {about}" + f": {problem}" * bool(problem), flush=True)
            wrong += bool(problem)
    print(f"{name}: {f'{wrong} to do' if wrong else 'keeps the contract'}")
    return not wrong


def _name(root: Path, model: str) -> str:
    """The name of a model, from a name or a file. Raises ValueError."""
    file = Path(model)
    if file.suffix != ".py":
        registry.module_name("models", model)
        return model
    if not file.is_file():
        raise ValueError(f"{model}: is not there; name a file below {plugins.FOLDER}/models, or a model")
    known = {plugin.resolve() for plugin in (root / plugins.FOLDER / "models").rglob("*.py")}
    package = Path(registry.__file__).parents[1] / "models"
    if file.resolve() not in known and package not in file.resolve().parents:
        raise ValueError(
            f"{model}: is not where models are found; move it to {plugins.FOLDER}/models/<family>/{file.name}"
        )
    registry.module_name("models", file.stem)
    return file.stem


def new(root: Path, settings: Params, name: str, family: str, profile: str) -> None:
    """Write plugins/models/<family>/<name>.py, its test, and its row in a profile. Raises ValueError."""
    if not name.isidentifier() or name != name.lower():
        raise ValueError(f"'{name}': is no name for a model; use small letters, digits and _, as rsgan")
    if name in registry.names("models"):
        raise ValueError(f"'{name}': there is a model of that name already; choose another")
    settings.get_profile(profile)
    model = root / plugins.FOLDER / "models" / family / f"{name}.py"
    test = root / plugins.FOLDER / "tests" / f"test_{name}.py"
    row = root / paths.profile(profile)
    text = _with_row(row, name)
    if taken := [str(path.relative_to(root)) for path in (model, test) if path.exists()]:
        raise ValueError(f"{taken[0]}: is there already; remove it, or choose another name")
    title = name.upper()
    for path, template in ((model, "model.py.txt"), (test, "test_model.py.txt")):
        content = resources("paragone.cli").joinpath("templates", template).read_text(encoding="utf-8")
        files.write_text(path, content.replace("NAME", name).replace("TITLE", title))
    files.write_text(row, text)
    for path in (model, test, row):
        print(path.relative_to(root))
    print(f"next: paragone check-model {name}; paragone pipeline; dvc repro")


def _with_row(file: Path, name: str) -> str:
    """The text of a profile with one more row, first of its models."""
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    at = next((i for i, line in enumerate(lines) if line.rstrip() == "models:"), None)
    if at is None and any(line.startswith("models:") for line in lines):
        raise ValueError(f"{file}: its rows stand in the line `models:`; write them below it, one a line")
    if at is None:  # it has none of its own: it takes over another's
        lines, at = [*lines, "models:\n"], len(lines)
    row = f"  {name}: {{plan: {{kimg: 100, batch: 32}}, config: {{width: 32}}}}\n"
    return "".join([*lines[: at + 1], row, *lines[at + 1 :]])
