"""Fingerprints of code: what a stage or a model would run, hashed without comments, docstrings and layout.

A fingerprint covers a module and whatever it imports inside the package, transitively and statically, imports inside
of functions included. What the registry finds by name at run time is no import: it has a fingerprint of its own.

Fingerprints form a Merkle tree: where a module imports another one, its hash holds the other's fingerprint and not
the other's name. So moving or renaming a file changes no fingerprint, its own or another's.
"""

import ast
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]

# Imported by stages, yet unable to change what they compute: the version string, where files are (the pipelines name
# every path themselves), records of where a result comes from, and its mirror.
IGNORED = frozenset(
    f"paragone{name}"
    for name in (
        "",
        ".project.paths",
        ".project.git",
        ".project.fingerprint",
        ".engine.usage",
        ".report.tracking",
        ".report.tracking.history",
        ".report.tracking.mirror",
        ".report.tracking.run_record",
    )
)


def closure(*modules: str, package: Path = _PACKAGE) -> str:
    """16 hex digits over the code of `modules` (dotted names) and of all that they import inside the package.

    `package` is the package's folder. Raises ValueError for a module that it does not have, and for circular imports.
    """
    return Tree(find(package)).closure(*modules)


def find(package: Path = _PACKAGE) -> dict[str, Path]:
    """The file of every module of a package, by dotted name."""
    found = {}
    for file in sorted(package.rglob("*.py")):
        parts = [package.name, *file.relative_to(package).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def reach(module: str, files: Mapping[str, Path]) -> set[str]:
    """`module` and every module of `files` that it imports, directly or not, but for those that are ignored."""
    tree = Tree(files)
    tree.hash(module)
    return set(tree.hashes)


def normal_form(source: str) -> str:
    """The code as a string that comments, docstrings, layout and the Python release leave as it is."""
    return _dump(ast.parse(source), {}, {})


class Tree:
    """The hashes of modules, each over its own code and the hashes of what it imports. Reads each file once."""

    def __init__(self, files: Mapping[str, Path] | None = None) -> None:
        self.files = find() if files is None else files
        self.hashes: dict[str, str] = {}
        self.open: list[str] = []  # modules whose hash is being made

    def closure(self, *modules: str) -> str:
        """As the function of that name."""
        return hashlib.sha256("\n".join(sorted(self.hash(module) for module in modules)).encode()).hexdigest()[:16]

    def hash(self, name: str) -> str:
        """The fingerprint of one module."""
        if name not in self.files:
            raise ValueError(f"there is no module {name} to fingerprint; there are {', '.join(self.files)}")
        if name in self.open:
            circle = " -> ".join([*self.open[self.open.index(name) :], name])
            raise ValueError(f"the imports run in a circle: {circle}; break it")
        if name not in self.hashes:
            self.open.append(name)
            self.hashes[name] = self._of(name)
            self.open.pop()
        return self.hashes[name]

    def _of(self, name: str) -> str:
        tree = ast.parse(self.files[name].read_text(encoding="utf-8"), filename=str(self.files[name]))
        imports: dict[ast.AST, list[str]] = {}
        modules: dict[str, str] = {}  # the names that imports bind to modules, and what stands for each
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                imports[node] = list(self._imported(name, node, modules))
        packages = [self.hash(package) for package in self._packages(name)]
        return hashlib.sha256("\n".join([_dump(tree, imports, modules), *packages]).encode()).hexdigest()

    def _imported(self, name: str, node: ast.Import | ast.ImportFrom, modules: dict[str, str]) -> Iterator[str]:
        """What each part of an import stands for: a module of the package for its hash, others for themselves."""
        base = "" if isinstance(node, ast.Import) else _base(name, node, self.files)
        for alias in node.names:
            full, bound = f"{base}.{alias.name}" if base else alias.name, alias.asname or alias.name
            if full in self.files:  # a module, whose name may change with its file's
                modules[bound] = self._stands_for(full)
                yield f"module {modules[bound]}"
            elif base in self.files:
                yield f"{alias.name} as {bound} of {self._stands_for(base)}"
            else:
                yield f"{full} as {bound}"

    def _stands_for(self, module: str) -> str:
        return "ignored" if module in IGNORED else self.hash(module)

    def _packages(self, name: str) -> list[str]:
        """The packages around a module whose __init__ holds code: importing a.b.c runs those of a and a.b first."""
        parts = name.split(".")
        parents = [".".join(parts[:i]) for i in range(1, len(parts))]
        return [p for p in parents if p in self.files and p not in IGNORED and normal_form(self._source(p)) != _EMPTY]

    def _source(self, name: str) -> str:
        return self.files[name].read_text(encoding="utf-8")


def _base(name: str, node: ast.ImportFrom, files: Mapping[str, Path]) -> str:
    """The dotted name of the module that `from ... import` names, relative ones written out."""
    keep = len(name.split(".")) - node.level + (files[name].name == "__init__.py")
    above = name.split(".")[:keep] if node.level else []
    return ".".join([*above, *([node.module] if node.module else [])])


def _dump(node: object, imports: Mapping[ast.AST, list[str]], modules: Mapping[str, str]) -> str:
    """Like ast.dump, but blind to positions, docstrings and empty fields (Python releases differ in listing those).

    imports: what each import statement stands for. modules: what stands for each name that is bound to a module.
    """
    if isinstance(node, ast.Name) and node.id in modules:
        return f"Module({modules[node.id]})"
    if isinstance(node, ast.AST):
        fields = dict(ast.iter_fields(node))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and _documented(node):
            fields["body"] = node.body[1:]
        if isinstance(node, ast.JoinedStr):  # early 3.12 releases add empty strings to nested format specifications
            fields["values"] = [v for v in node.values if not (isinstance(v, ast.Constant) and v.value == "")]
        inner = (f"{k}={_dump(v, imports, modules)}" for k, v in sorted(fields.items()) if v is not None and v != [])
        return f"{type(node).__name__}({','.join(inner)})"
    if isinstance(node, list):  # the imports of a block come first, sorted: a move may split or reorder statements
        first = sorted(part for item in node for part in imports.get(item, ()))
        rest = [_dump(item, imports, modules) for item in node if item not in imports]
        return f"[{','.join([*first, *rest])}]"
    return repr(node)


def _documented(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return ast.get_docstring(node, clean=False) is not None


_EMPTY = normal_form("")
