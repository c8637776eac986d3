"""The contract of a feature space: uint8 images in, float32 features out, under a name and a hash.

A file in this package is one space. It defines one `Extractor` subclass and

    load(root: Path, dataset: str) -> Extractor

which finds the weights (raising ValueError that says what to do where they are missing or wrong). Adding a file adds
the space to what a profile's `spaces` may name. One whose network can also be a model's parent (a perceptual loss)
defines `Extractor.maps` and `Extractor.recipe`, and

    build(recipe) -> FeatureNetwork

which builds the network with fresh weights, so that a finished model's file needs no other.
"""

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, cast

import torch
from torch import Tensor, nn

from paragone.evaluation import fused
from paragone.project import files

CPU_BATCH, GPU_BATCH = 64, 256  # on a CPU 64 is fastest (what a layer reads stays in the cache)


class Features(NamedTuple):
    """What an extractor makes of N images, on the CPU."""

    values: Tensor  # (N,JD) float32, J judges side by side; nearly every space has one
    logits: Tensor | None  # (N,K) float32, where the network is a classifier whose classes mean something here


class Extractor(nn.Module):
    """A fixed network with a fixed preprocessing. Always float32: bf16 features differ by several per cent.

    Subclasses set the attributes below and define `forward`.
    """

    name: str  # of the space, in files and tables: "lite0-64"
    distance: str  # what tables call the Frechet distance in this space; "FID" is the Inception network's alone
    preprocessing: str  # what happens to the pixels, in one sentence
    weights: str  # SHA-256 of the weights file
    dim: int  # D
    version: ClassVar[int]  # raise it whenever `forward` computes something else
    tells_classes: ClassVar[bool] = False  # whether its logits are of the classes that the data set has
    judges: tuple[str, ...] = ("network",)  # networks whose features stand side by side, D values each
    lineage: Mapping[str, Any] = MappingProxyType({})  # what else reference.json says of where they come from
    confusion: Tensor | None = None  # (K,K) mean probabilities a true class, on held-out real images of this data set

    @property
    def hash(self) -> str:
        """Names everything a feature depends on: weights, preprocessing and the version of the code."""
        text = "|".join((self.name, self.weights, self.preprocessing, str(self.version)))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features (B,JD) and logits (B,K) of images (B,C,H,W), float32 in [0,255], channels-last."""
        raise NotImplementedError

    @property
    def recipe(self) -> dict[str, Any]:
        """What `build` needs, as JSON."""
        raise NotImplementedError

    def maps(self, x: Tensor) -> list[Tensor]:
        """Feature maps (B,c,h,w), from fine to coarse, of images (B,C,H,W), float32 in [0,255]."""
        raise NotImplementedError

    @property
    def first(self) -> "Extractor":
        """The network that a model may start from: itself, or the first of several judges."""
        return self

    def feature_network(self) -> "FeatureNetwork":
        """This network as a model's parent."""
        return FeatureNetwork(self)

    def extract(self, images: Tensor, device: torch.device, batch: int = 0) -> Features:
        """Features and logits of uint8 images (N,H,W,C); batch 0: what suits the device."""
        batch = batch or (CPU_BATCH if device.type == "cpu" else GPU_BATCH)
        self.to(device)
        values, logits = [], []
        # TF32, on by default in cuDNN, keeps 10 bits of 23
        with fused.packed(), torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            for part in images.split(batch):
                x = part.to(device).permute(0, 3, 1, 2).float()  # a view of NHWC: channels-last
                f, z = self(x)
                values.append(f.cpu())
                logits.append(None if z is None else z.cpu())
        known = [z for z in logits if z is not None]
        return Features(torch.cat(values), torch.cat(known) if known else None)


class Ensemble(Extractor):
    """Several networks as one space: their features side by side, and their classes by the mean of their probabilities
    (Lakshminarayanan et al. 2017, https://arxiv.org/abs/1612.01474). All have the same preprocessing and D."""

    version = 1

    def __init__(self, networks: Mapping[str, Extractor], lineage: Mapping[str, Any]) -> None:
        super().__init__()
        self.networks = nn.ModuleDict(networks)
        self.judges, self.lineage = tuple(networks), lineage
        self.name, self.distance, self.dim = self.first.name, self.first.distance, self.first.dim
        self.preprocessing = self.first.preprocessing
        self.weights = hashlib.sha256("|".join(network.hash for network in networks.values()).encode()).hexdigest()
        known = [network.confusion for network in networks.values() if network.confusion is not None]
        self.confusion = torch.stack(known).mean(0) if len(known) == len(networks) else None

    @property
    def first(self) -> Extractor:
        return cast(Extractor, self.networks[self.judges[0]])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features, logits = zip(*(network(x) for network in self.networks.values()), strict=True)
        log_p = torch.stack([z.log_softmax(1) for z in logits])
        return torch.cat(features, 1), log_p.logsumexp(0) - math.log(len(logits))


class FeatureNetwork(nn.Module):
    """An extractor as a model's parent: images (B,C,H,W) in [-1,1] to its feature maps, differentiable in the images.

    Always float32, inside a mixed-precision region too.
    """

    def __init__(self, extractor: Extractor) -> None:
        super().__init__()
        self.extractor = extractor.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        with torch.autocast(x.device.type, enabled=False):
            return self.extractor.maps((x.float() + 1) * 127.5)

    @property
    def tells_classes(self) -> bool:
        """Whether `logits` may be asked for."""
        return self.extractor.tells_classes

    def logits(self, x: Tensor) -> Tensor:
        """Logits (B,K) of the data set's classes, of images (B,C,H,W) in [-1,1]."""
        with torch.autocast(x.device.type, enabled=False):
            found: Tensor = self.extractor((x.float() + 1) * 127.5)[1]
        return found


def fold(weights: Mapping[str, Tensor], conv: str, norm: str, eps: float) -> tuple[Tensor, Tensor]:
    """The weight and bias of a convolution with the batch norm after it folded in (in float64, then float32)."""
    get = {k: weights[f"{norm}.{k}"].double() for k in ("weight", "bias", "running_mean", "running_var")}
    scale = get["weight"] / (get["running_var"] + eps).sqrt()
    weight = weights[f"{conv}.weight"].double() * scale[:, None, None, None]
    return weight.float(), (get["bias"] - get["running_mean"] * scale).float()


def read_weights(path: Path, sha256: str, remedy: str) -> dict[str, Tensor]:
    """The state dict in a weights file of known content. Raises ValueError if it is missing or another file."""
    if not path.is_file():
        raise ValueError(f"{path}: weights file not found; {remedy}")
    found = files.sha256(path)
    if found != sha256:
        raise ValueError(f"{path}: not the expected weights file (SHA-256 is {found}, not {sha256}); {remedy}")
    state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def as_rgb(x: Tensor) -> Tensor:
    """Grey images (B,1,H,W) with their channel repeated; RGB as it is."""
    return x.expand(-1, 3, -1, -1) if x.shape[1] == 1 else x
