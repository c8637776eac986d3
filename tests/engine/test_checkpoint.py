"""Model files: self-contained, equal bytes for equal content, and refused when they are something else."""

import pytest
import torch

from paragone.engine import checkpoint
from paragone.engine.checkpoint import CheckpointError
from paragone.models.base import Spec
from paragone.project import registry

SPEC = Spec((1, 32, 32), 10)
SMALL = {"ddpm": {"width": 16, "timesteps": 10}, "ddim": {"steps": 2}}


def family():
    parent = registry.build_model("ddpm", SPEC, SMALL["ddpm"])
    child = registry.build_model("ddim", SPEC, SMALL["ddim"], {"ddpm": parent})
    recipe = checkpoint.recipe("ddpm", SPEC, SMALL["ddpm"], {})
    return child, checkpoint.recipe("ddim", SPEC, SMALL["ddim"], {"ddpm": recipe})


def test_a_child_carries_its_parent(tmp_path):
    model, recipe = family()
    checkpoint.save_model(tmp_path / "m.safetensors", model, recipe, outcome="finished")
    again, metadata = checkpoint.load_model(tmp_path / "m.safetensors")
    assert metadata["outcome"] == "finished"
    torch.manual_seed(0)
    with torch.no_grad():
        expected = model.eval().sample(2)
    torch.manual_seed(0)
    assert torch.equal(again.sample(2), expected)
    assert not any(p.requires_grad for p in again.parameters())


def test_bytes_depend_on_content_alone(tmp_path):
    tensors = {"b": torch.arange(6.0).view(2, 3), "a": torch.ones(1, 2, 3, 3).to(memory_format=torch.channels_last)}
    for name in ("one", "two"):
        checkpoint.save(tmp_path / name, tensors, {"z": 1, "y": [2, 3], "x": {"w": "v"}})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert checkpoint.load(tmp_path / "one")[1] == {"z": 1, "y": [2, 3], "x": {"w": "v"}}


def test_what_is_not_a_model_is_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    with pytest.raises(CheckpointError, match=r"m\.safetensors: no such file"):
        checkpoint.load_model(path)
    path.write_bytes(b"<html>quota exceeded</html>")
    with pytest.raises(CheckpointError, match="not a file that paragone wrote"):
        checkpoint.load_model(path)
    checkpoint.save(path, {"x": torch.ones(1)}, {})
    with pytest.raises(CheckpointError, match="holds no model"):
        checkpoint.load_model(path)


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    checkpoint.save_model(path, *family())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="not a file that paragone wrote"):
        checkpoint.load_model(path)


def test_weights_of_another_config_are_refused(tmp_path):
    model, recipe = family()
    other = {**recipe, "parents": {"ddpm": {**recipe["parents"]["ddpm"], "config": {"width": 32, "timesteps": 10}}}}
    checkpoint.save_model(tmp_path / "m.safetensors", model, other)
    with pytest.raises(CheckpointError, match=r"do not fit the model: .* in place of .*train it again"):
        checkpoint.load_model(tmp_path / "m.safetensors")
