"""DINOv2's transformer on random weights of the published file's layout, against torch's own layers and arithmetic."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import special
from torch import Tensor

from paragone.evaluation.extractors import dinov2

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    """The names and shapes of dinov2_vits14_pretrain.pth, values drawn."""
    shapes = {"cls_token": (1, 1, 384), "pos_embed": (1, 1370, 384), "mask_token": (1, 384)}
    shapes |= {"patch_embed.proj.weight": (384, 3, 14, 14), "patch_embed.proj.bias": (384,)}
    block = {"norm1": (384,), "norm2": (384,), "attn.qkv": (1152, 384), "attn.proj": (384, 384), "mlp.fc1": (1536, 384)}
    for i in range(12):
        for name, shape in {**block, "mlp.fc2": (384, 1536)}.items():
            shapes |= {f"blocks.{i}.{name}.weight": shape, f"blocks.{i}.{name}.bias": shape[:1]}
        shapes |= {f"blocks.{i}.ls{k}.gamma": (384,) for k in (1, 2)}
    shapes |= {"norm.weight": (384,), "norm.bias": (384,)}
    draw = torch.Generator().manual_seed(0)
    return {name: torch.randn(shape, generator=draw) * 0.05 for name, shape in shapes.items()}


def test_layout_is_the_published_one(weights: dict[str, Tensor]) -> None:
    """22.06 million parameters, as the paper's table of models has it (21 M, the positions left out)."""
    network = dinov2.DinoV2(weights)
    assert sum(w.numel() for name, w in weights.items() if name != "mask_token") == 22_056_192
    assert sum(p.numel() for p in network.parameters()) == 22_056_192
    assert (network.name, network.distance, network.dim) == ("dinov2-s14", "FD-DINOv2", 384)


def test_features_equal_an_independent_computation(weights: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    """In NumPy and float64, head by head; of three blocks, as all are alike."""
    monkeypatch.setattr(dinov2, "DEPTH", 3)
    weights = {
        name: w for name, w in weights.items() if name.partition(".")[0] != "blocks" or int(name.split(".")[1]) < 3
    }
    images = torch.randint(0, 256, (2, 224, 224, 3), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    w = {name: value.double().numpy() for name, value in weights.items()}
    x = (images.numpy() / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    patches = x.reshape(2, 16, 14, 16, 14, 3).transpose(0, 1, 3, 5, 2, 4).reshape(2, 256, -1)
    tokens = patches @ w["patch_embed.proj.weight"].reshape(384, -1).T + w["patch_embed.proj.bias"]
    z = np.concatenate([np.tile(w["cls_token"], (2, 1, 1)), tokens], 1)
    z = z + dinov2.resize(weights["pos_embed"], 16).double().numpy()

    def norm(z: np.ndarray, name: str) -> np.ndarray:
        centred = z - z.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-6)
        return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]

    def linear(z: np.ndarray, name: str) -> np.ndarray:
        return z @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    for i in range(3):
        b = f"blocks.{i}"
        q, k, v = np.split(linear(norm(z, f"{b}.norm1"), f"{b}.attn.qkv"), 3, -1)
        heads = []
        for h in range(6):
            d = slice(64 * h, 64 * h + 64)
            scores = special.softmax(q[..., d] @ k[..., d].transpose(0, 2, 1) / 8, -1)
            heads.append(scores @ v[..., d])
        z = z + w[f"{b}.ls1.gamma"] * linear(np.concatenate(heads, -1), f"{b}.attn.proj")
        hidden = linear(norm(z, f"{b}.norm2"), f"{b}.mlp.fc1")
        z = z + w[f"{b}.ls2.gamma"] * linear(hidden * (1 + special.erf(hidden / np.sqrt(2))) / 2, f"{b}.mlp.fc2")
    expected = norm(z[:, 0], "norm")
    found = dinov2.DinoV2(weights).extract(images, CPU)
    assert found.logits is None
    assert np.abs(found.values.numpy() - expected).max() < 1e-4
    assert np.abs(expected[0] - expected[1]).max() > 1e-3  # the comparison says something


def test_positions_are_left_alone_at_their_own_size_and_keep_the_class_token() -> None:
    positions = torch.randn(1, 1 + 37 * 37, 8, generator=torch.Generator().manual_seed(0))
    assert dinov2.resize(positions, 16).shape == (1, 257, 8)
    assert torch.equal(dinov2.resize(positions, 16)[:, 0], positions[:, 0])
    level = torch.ones(1, 1 + 37 * 37, 8)
    torch.testing.assert_close(dinov2.resize(level, 16), torch.ones(1, 257, 8))


def test_a_missing_file_and_another_one_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(dinov2.VARIABLE, raising=False)
    with pytest.raises(ValueError, match=r"data/weights/dinov2_vits14.*not found; put .* its path in PARAGONE_DINOV2"):
        dinov2.load(tmp_path, "any")
    file = tmp_path / "dinov2_vitb14_pretrain.pth"
    file.write_bytes(b"other weights")
    monkeypatch.setenv(dinov2.VARIABLE, str(file))
    with pytest.raises(ValueError, match=r"dinov2_vitb14_pretrain\.pth: not the expected weights file"):
        dinov2.load(tmp_path, "any")
