"""The Inception network of the Frechet Inception Distance: the space `inception-2015`, features of 2,048 dimensions.

Heusel et al. 2017 (https://arxiv.org/abs/1706.08500) took the frozen graph of 2015-12-05 (Szegedy et al. 2016,
https://arxiv.org/abs/1512.00567), which differs from the published Inception v3: average pools leave their padding
out, the last block pools by maximum, and the classifier has 1,008 outputs. The weights file is the PyTorch conversion
that pytorch-fid and torch-fidelity publish; the user provides it.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from paragone.evaluation import fused
from paragone.evaluation.extractors.base import Extractor, as_rgb, fold, read_weights

VARIABLE = "PARAGONE_INCEPTION"
FILE = Path("data/weights/pt_inception-2015-12-05-6726825d.pth")
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
SIZE = 299
Weights = Mapping[str, Tensor]


class Conv(nn.Module):
    """Convolution with folded batch norm, then ReLU. Stride 2 goes without padding, stride 1 keeps the size."""

    weight: Tensor
    bias: Tensor

    def __init__(self, weights: Weights, key: str, stride: int = 1, pad: bool = True) -> None:
        super().__init__()
        weight, bias = fold(weights, f"{key}.conv", f"{key}.bn", eps=1e-3)
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        h, w = weight.shape[2:]
        self.stride, self.padding = stride, (h // 2, w // 2) if pad and stride == 1 else (0, 0)

    def forward(self, x: Tensor) -> Tensor:
        how = fused.How((self.stride, self.stride), self.padding, activation="relu")
        return fused.convolve(self, x, self.weight, self.bias, how)


class Fork(nn.Module):
    """Branches side by side, their outputs concatenated over channels."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


def _chain(weights: Weights, block: str, names: str) -> nn.Sequential:
    """Convolutions in a row; `name/2` has stride 2."""
    parts = [name.partition("/") for name in names.split()]
    return nn.Sequential(*(Conv(weights, f"{block}.{name}", int(stride or 1)) for name, _, stride in parts))


def _pooled(weights: Weights, block: str, pool: nn.Module) -> nn.Sequential:
    return nn.Sequential(pool, Conv(weights, f"{block}.branch_pool"))


def _average() -> nn.Module:
    return nn.AvgPool2d(3, 1, 1, count_include_pad=False)  # as in TensorFlow: padding does not count


def _block_a(w: Weights, b: str) -> Fork:
    return Fork(
        _chain(w, b, "branch1x1"),
        _chain(w, b, "branch5x5_1 branch5x5_2"),
        _chain(w, b, "branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3"),
        _pooled(w, b, _average()),
    )


def _block_b(w: Weights, b: str) -> Fork:
    return Fork(
        _chain(w, b, "branch3x3/2"),
        _chain(w, b, "branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3/2"),
        nn.MaxPool2d(3, 2),
    )


def _block_c(w: Weights, b: str) -> Fork:
    return Fork(
        _chain(w, b, "branch1x1"),
        _chain(w, b, "branch7x7_1 branch7x7_2 branch7x7_3"),
        _chain(w, b, "branch7x7dbl_1 branch7x7dbl_2 branch7x7dbl_3 branch7x7dbl_4 branch7x7dbl_5"),
        _pooled(w, b, _average()),
    )


def _block_d(w: Weights, b: str) -> Fork:
    return Fork(
        _chain(w, b, "branch3x3_1 branch3x3_2/2"),
        _chain(w, b, "branch7x7x3_1 branch7x7x3_2 branch7x7x3_3 branch7x7x3_4/2"),
        nn.MaxPool2d(3, 2),
    )


def _block_e(w: Weights, b: str, pool: nn.Module) -> Fork:
    def split(*names: str) -> Fork:
        return Fork(*(Conv(w, f"{b}.{name}") for name in names))

    return Fork(
        _chain(w, b, "branch1x1"),
        nn.Sequential(_chain(w, b, "branch3x3_1"), split("branch3x3_2a", "branch3x3_2b")),
        nn.Sequential(_chain(w, b, "branch3x3dbl_1 branch3x3dbl_2"), split("branch3x3dbl_3a", "branch3x3dbl_3b")),
        _pooled(w, b, pool),
    )


class Inception(Extractor):
    """The network up to its pooled features, and its logits without bias, which the Inception Score takes."""

    version = 1
    name = "inception-2015"
    dim = 2048
    distance = "FID"
    weights = SHA256
    preprocessing = "bilinear to 299 px as in TensorFlow 1 (corner-aligned origin), grey to RGB, (x - 128) / 128"

    def __init__(self, w: Weights) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            Conv(w, "Conv2d_1a_3x3", stride=2),
            Conv(w, "Conv2d_2a_3x3", pad=False),
            Conv(w, "Conv2d_2b_3x3"),
            nn.MaxPool2d(3, 2),
            Conv(w, "Conv2d_3b_1x1"),
            Conv(w, "Conv2d_4a_3x3", pad=False),
            nn.MaxPool2d(3, 2),
            *(_block_a(w, f"Mixed_5{i}") for i in "bcd"),
            _block_b(w, "Mixed_6a"),
            *(_block_c(w, f"Mixed_6{i}") for i in "bcde"),
            _block_d(w, "Mixed_7a"),
            _block_e(w, "Mixed_7b", _average()),
            _block_e(w, "Mixed_7c", nn.MaxPool2d(3, 1, 1)),  # by maximum, in this graph alone
        )
        self.fc = nn.Linear(2048, 1008, bias=False)
        self.fc.load_state_dict({"weight": w["fc.weight"]})
        self.eval()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = ((as_rgb(resize(x)) - 128) / 128).contiguous(memory_format=torch.channels_last)
        features = self.trunk(x).mean((2, 3))
        return features, self.fc(features)


def resize(x: Tensor, size: int = SIZE) -> Tensor:
    """Images (B,C,H,W) to (B,C,size,size), bilinear as TensorFlow 1 had it: output pixel i reads input i * in / out."""

    def positions(length: int) -> tuple[Tensor, Tensor, Tensor]:
        at = torch.arange(size, dtype=x.dtype, device=x.device) * torch.tensor(length / size, dtype=x.dtype)
        low = at.long()
        return low, (low + 1).clamp_max(length - 1), at - low

    low, high, weight = positions(x.shape[3])
    rows = x[..., low] + (x[..., high] - x[..., low]) * weight
    low, high, weight = positions(x.shape[2])
    top, bottom = rows[:, :, low], rows[:, :, high]
    return top + (bottom - top) * weight[:, None]


def load(root: Path, dataset: str) -> Inception:
    """The network with the weights file that the user provides, whatever the data set."""
    path = Path(os.environ.get(VARIABLE) or root / FILE)
    remedy = (
        f"put pt_inception-2015-12-05-6726825d.pth (from the releases of mseitzer/pytorch-fid) at {FILE}, "
        f"or give its path in {VARIABLE}, or take 'inception' out of the profile's spaces"
    )
    return Inception(read_weights(path, SHA256, remedy))
