"""Fingerprints of code: what a stage or a model would run, hashed without comments, docstrings and layout.

A fingerprint covers a module and whatever it imports inside the package, transitively and statically, imports inside
of functions included. What the registry finds by name at run time is no import: it has a fingerprint of its own.
"""

import ast
import hashlib
from collections.abc import Mapping
from pathlib import Path

_PACKAGE = Path(__file__).parent

# Imported by stages, yet unable to change what they compute: the version string, where files stand (the pipelines name
# every path themselves), records of where a result comes from, and its mirror.
IGNORED = frozenset(
    f"paragone{name}" for name in ("", ".paths", ".lineage", ".fingerprint", ".usage", ".tracking", ".tracked")
)


def closure(*modules: str, package: Path = _PACKAGE) -> str:
    """16 hex digits over the code of `modules` (dotted names) and of all that they import inside the package.

    `package` is the package's folder. Raises ValueError for a module that it does not have.
    """
    files = find(package)
    digest = hashlib.sha256()
    for name in sorted(set().union(*(reach(module, files) for module in modules))):
        digest.update(f"{name}\n{normal_form(files[name].read_text(encoding='utf-8'))}\n".encode())
    return digest.hexdigest()[:16]


def find(package: Path = _PACKAGE) -> dict[str, Path]:
    """The file of every module of a package, by dotted name."""
    found = {}
    for file in sorted(package.rglob("*.py")):
        parts = [package.name, *file.relative_to(package).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def reach(module: str, files: Mapping[str, Path]) -> set[str]:
    """`module` and every module of `files` that it imports, directly or not, but for those that are ignored."""
    if module not in files:
        raise ValueError(f"there is no module {module} to fingerprint; there are {', '.join(files)}")
    found: set[str] = set()
    left = [module]
    while left:
        name = left.pop()
        if name not in found and name not in IGNORED:
            found.add(name)
            left += _imports(name, files)
            left += [p for p in _parents(name) if p in files]  # importing a.b.c runs a/__init__ and a/b/__init__ first
    return found


def normal_form(source: str) -> str:
    """The code as a string that comments, docstrings, layout and the Python release leave as it is."""
    return _dump(ast.parse(source))


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:i]) for i in range(1, len(parts))]


def _imports(name: str, files: Mapping[str, Path]) -> list[str]:
    """The modules of `files` that module `name` names in its import statements, wherever they stand."""
    is_package = files[name].name == "__init__.py"
    named: list[str] = []
    for node in ast.walk(ast.parse(files[name].read_text(encoding="utf-8"), filename=str(files[name]))):
        if isinstance(node, ast.Import):
            named += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            keep = len(name.split(".")) - node.level + is_package
            above = name.split(".")[:keep] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            named += [base, *(f"{base}.{alias.name}" for alias in node.names)]  # a name, or a module of the package
    return [n for n in named if n in files]


def _dump(node: object) -> str:
    """Like ast.dump, but blind to positions, docstrings and empty fields (Python releases differ in listing those)."""
    if isinstance(node, ast.AST):
        fields = {k: v for k, v in ast.iter_fields(node) if v is not None and v != []}
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and _documented(node):
            fields["body"] = node.body[1:]
        if isinstance(node, ast.JoinedStr):  # early 3.12 releases add empty strings to nested format specifications
            fields["values"] = [v for v in node.values if not (isinstance(v, ast.Constant) and v.value == "")]
        return f"{type(node).__name__}({','.join(f'{k}={_dump(v)}' for k, v in sorted(fields.items()))})"
    if isinstance(node, list):
        return f"[{','.join(_dump(item) for item in node)}]"
    return repr(node)


def _documented(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return ast.get_docstring(node, clean=False) is not None
