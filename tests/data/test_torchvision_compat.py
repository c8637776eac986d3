import subprocess
import sys

import torch

from paragone.data.torchvision_compat import declare_missing_operators, import_torchvision

FRESH = """
import torch
from paragone.data import torchvision_compat as compat
declared = compat.declare_missing_operators()
assert compat.declare_missing_operators() == [], "a second call found something to declare"
import torchvision.datasets, torchvision.transforms.v2, torchvision.models, torchvision.utils
boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
try:
    kept = torchvision.ops.nms(boxes, torch.ones(1), 0.5)
    print("compiled" if not declared and kept.tolist() == [0] else "shadowed")
except (NotImplementedError, RuntimeError):
    print("declared" if declared else "missing")
"""


def test_import_in_a_fresh_process_and_never_shadow_compiled_operators() -> None:
    done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("compiled", "declared")


def test_import_by_name() -> None:
    assert import_torchvision("torchvision.datasets").MNIST.__name__ == "MNIST"
    assert declare_missing_operators() == []
    assert hasattr(torch.ops.torchvision, "nms")
