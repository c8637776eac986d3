"""VGG16 on ImageNet: the space `vgg16`, and the backbone of LPIPS as a model's perceptual distance.

Simonyan and Zisserman 2015, "Very Deep Convolutional Networks" (https://arxiv.org/abs/1409.1556), table 1, column D:
thirteen 3 x 3 convolutions with ReLU, a halving by the maximum after the 2nd, 4th, 7th and 10th. Zhang et al. 2018,
"The Unreasonable Effectiveness of Deep Features" (https://arxiv.org/abs/1801.03924), compare images by what the five
stages between give, without resizing: as the parent `features` of a VQGAN this is their distance with equal weights for
all channels (the baseline of their code), not with those that they learned from people's judgements.

The weights file is torchvision's vgg16-397923af.pth; the user provides it. Not verified against the published weights:
the network was compared with an independent computation on random weights of the file's layout alone.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from paragone.evaluation.extractors.base import Extractor, FeatureNetwork, as_rgb
from paragone.project import files

VARIABLE = "PARAGONE_VGG16"
FILE = Path("data/weights/vgg16-397923af.pth")
PREFIX = "397923af"  # of the file's SHA-256, as its name says
STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
SMALLEST = 16  # pixels of a side, which four halvings leave at 1
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # ImageNet's, of 255


class VGG16(Extractor):
    """The convolutions; the feature is the mean over places of the last stage."""

    version = 1
    name, distance, dim = "vgg16", "FD-VGG16", 512
    preprocessing = "grey to RGB, ImageNet's norm, not resized"

    def __init__(self, state: Mapping[str, Tensor] | None = None, weights: str = "none") -> None:
        """state: torchvision's state dict, whose classifier is left out; zeros without one."""
        super().__init__()
        self.weights = weights
        layers: list[nn.Module] = []
        channels = 3
        for i, stage in enumerate(STAGES):
            layers += [nn.MaxPool2d(2)] * (i > 0)
            for width in stage:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
        self.features = nn.Sequential(*layers)
        if state is None:
            state = {name: torch.zeros_like(value) for name, value in self.state_dict().items()}
        self.load_state_dict({name: value for name, value in state.items() if name.startswith("features.")})
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        return self.maps(x)[-1].mean((2, 3)), None

    @property
    def recipe(self) -> dict[str, Any]:
        return {}

    def maps(self, x: Tensor) -> list[Tensor]:
        """The last activations of each stage, from the image's size to a 16th of it. Raises ValueError below 16 px."""
        if min(x.shape[2:]) < SMALLEST:
            h, w = x.shape[2:]
            raise ValueError(
                f"VGG16 takes images of at least {SMALLEST} x {SMALLEST}, not {h} x {w}: take 'classifier'"
            )
        x = (as_rgb(x) - self.get_buffer("mean")) / self.get_buffer("std")
        found = []
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d):
                found.append(x)
            x = layer(x)
        return [*found, x]


def build(recipe: Mapping[str, Any]) -> FeatureNetwork:
    """The network of an extractor's recipe, its weights zeros."""
    return FeatureNetwork(VGG16())


def load(root: Path, dataset: str) -> VGG16:
    """The network with the weights file that the user provides, whatever the data set. Raises ValueError."""
    path = Path(os.environ.get(VARIABLE) or root / FILE)
    remedy = (
        f"put torchvision's vgg16-397923af.pth at {FILE}, or give its path in {VARIABLE}, or name 'classifier' or "
        "'lite0' in place of 'vgg16' in the profile"
    )
    if not path.is_file():
        raise ValueError(f"{path}: weights file not found; {remedy}")
    found = files.sha256(path)
    if not found.startswith(PREFIX):
        raise ValueError(
            f"{path}: not the expected weights file (its SHA-256 is {found}, the right one's begins with {PREFIX}); "
            f"{remedy}"
        )
    return VGG16(torch.load(path, map_location="cpu", weights_only=True), found)
