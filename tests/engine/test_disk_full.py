"""A disk that fills up while a training runs: one clear sentence, and the checkpoint before it is intact."""

import subprocess
import sys
from pathlib import Path

# The system's limit on a file's size fails a write half-way, as a full disk does.
TRAIN = """
import resource, signal, sys
from pathlib import Path
import torch
from paragone.data.base import ImageSet
from paragone.engine import loop
from paragone.engine.seeding import Stream, seed_all
from paragone.models.base import Plan, Spec
from paragone.project import registry

folder, stop, limit = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
seed_all(0, Stream.INIT)
spec = Spec((1, 32, 32), 2)
model = registry.build_model("gan", spec, {"hidden": 64, "units": 16})
data = ImageSet(torch.arange(64 * 1024).remainder(251).to(torch.uint8).view(64, 32, 32, 1), torch.arange(64) % 2, spec)
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
loop.fit(model, data, Plan(kimg=0.512, batch=16), seed=0, folder=folder, stop=lambda step: step == stop)
"""


def train(folder: Path, stop: int, limit: int = 0) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", TRAIN, str(folder), str(stop), str(limit)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_a_checkpoint_that_does_not_fit_leaves_the_one_before_it(tmp_path: Path) -> None:
    assert train(tmp_path, 8).returncode == 0
    state = tmp_path / "state.safetensors"
    before = state.read_bytes()
    full = train(tmp_path, 16, len(before) // 2)
    assert full.returncode != 0
    printed = full.stderr.strip().splitlines()[-1]
    assert "state.safetensors: could not be written" in printed
    assert "free disk space and run again" in printed
    assert {file.name for file in tmp_path.iterdir()} == {"state.safetensors", "log.jsonl"}
    assert state.read_bytes() == before
    assert train(tmp_path, 16).returncode == 0
    assert state.read_bytes() != before
