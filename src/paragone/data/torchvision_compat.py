"""Import torchvision beside a torch that its compiled operators were not built for.

torchvision's wheel carries operators built for one build of torch. Beside another (the CPU wheel of the same
version) their library does not load, and `import torchvision` raises "operator torchvision::nms does not exist",
although its data sets, transforms and models need no operator. Declaring the two operators that the import looks
up, without an implementation, is enough; whoever calls one gets torch's own NotImplementedError.
"""

import contextlib
import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

import torch

_SCHEMAS = {name: f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor" for name in ("nms", "qnms")}
_library: torch.library.Library | None = None  # the declarations live as long as this object


def import_torchvision(module: str = "torchvision") -> ModuleType:
    """Import `module` of torchvision ("torchvision.datasets", ...), the missing operators declared first."""
    declare_missing_operators()
    return importlib.import_module(module)


def declare_missing_operators() -> list[str]:
    """Declare those operators that torchvision's own library does not bring; the names of those declared."""
    global _library
    _load_compiled()
    missing = [name for name in _SCHEMAS if not hasattr(torch.ops.torchvision, name)]
    if missing:
        _library = _library or torch.library.Library("torchvision", "FRAGMENT")
        for name in missing:
            _library.define(_SCHEMAS[name])
    return missing


def _load_compiled() -> None:
    """Load torchvision's own operators where they fit this torch, so that they are never shadowed."""
    spec = importlib.util.find_spec("torchvision")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for file in sorted(Path(folder).glob("_C.*")):
            with contextlib.suppress(OSError):  # built for another torch
                torch.ops.load_library(file)
