"""Small classifiers trained on the data set itself: the space `clf-<data set>`, features of 128 dimensions each.

The best space for modes: features made to tell the classes apart see a missing class where those of ImageNet hardly
do. Trained once a data set by their own stage, on the real training split.

One such network is no judge: another seed or width orders models otherwise. Several judge, each from a seed of its own:
a figure of the space is its mean over them, and says how far they are apart.

Where a label numbers one class per channel (stacked MNIST), one network learns the classes of single channels, and the
classes of an image are their combinations: 1,000 classes are told apart by what 10 taught, as Metz et al. 2017 do.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from paragone.data.base import ImageSet
from paragone.engine import checkpoint
from paragone.engine.seeding import Stream, generator, seed_all
from paragone.evaluation import fused
from paragone.evaluation.extractors.base import Ensemble, Extractor, FeatureNetwork
from paragone.models.base import Spec
from paragone.project import files, paths

DIM = 128
BATCH = 64
WIDTH = 16  # channels of the first convolutions
KIMG = 40.0  # at least so many thousand images, and at least
EPOCHS = 3  # so many passes
LEARNING_RATE = 3e-3


class Net(nn.Module):
    """Pairs of 3x3 convolutions, halving the image to 4-7 pixels, then two linear layers."""

    def __init__(self, spec: Spec, width: int = WIDTH) -> None:
        super().__init__()
        c, h, w = spec.shape
        layers: list[nn.Module] = []
        self.width, channels = width, width
        while min(h, w) >= 8:
            layers += [*_conv(c, channels), *_conv(channels, channels), nn.MaxPool2d(2)]
            c, h, w, channels = channels, h // 2, w // 2, min(2 * channels, 4 * width)
        self.trunk = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3))
        self.spec = spec
        self.embed = nn.Sequential(nn.Linear(c * h * w, DIM), nn.BatchNorm1d(DIM), nn.ReLU())
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(DIM, spec.classes))

    def maps(self, x: Tensor) -> list[Tensor]:
        """What each pooling is given, of images (B,C,H,W) in [0,255]: (B,w,H,W), (B,2w,H/2,W/2) and so on."""
        found = []
        x = x / 127.5 - 1
        for layer in self.trunk:
            if isinstance(layer, nn.MaxPool2d):
                found.append(x)
            x = layer(x)
        return found

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B,128) and logits (B,K) of images (B,C,H,W) in [0,255]."""
        features = self.embed(fused.run(self.trunk, x / 127.5 - 1))
        return features, self.head(features)


def _conv(c_in: int, c_out: int) -> list[nn.Module]:
    return [nn.Conv2d(c_in, c_out, 3, padding=1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU()]


def train(
    data: ImageSet, device: torch.device, kimg: float = 0.0, progress: bool = True, *, seed: int = 0, width: int = WIDTH
) -> tuple[Net, float]:
    """Train on images and labels; kimg 0: the usual budget. Returns the network, in eval mode, and the kimg it saw.

    One result on one machine: every draw follows from the seed (torch's own generator is seeded too).
    """
    assert data.labels is not None
    n = len(data.images)
    batch = min(BATCH, n)
    kimg = kimg or max(KIMG, EPOCHS * n / 1000)
    steps = max(1, round(kimg * 1000 / batch))
    seed_all(seed, Stream.INIT)
    net = Net(data.spec, width).to(device=device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.2)
    per_epoch = n // batch
    for step in tqdm(range(steps), desc=f"judge {seed}", unit=" steps", disable=not progress, mininterval=1):
        epoch, i = divmod(step, per_epoch)
        if i == 0:
            order = torch.randperm(n, generator=generator(seed, Stream.ORDER, epoch))
        index = order[i * batch : (i + 1) * batch]
        x = _augment(data.images[index].permute(0, 3, 1, 2).float(), generator(seed, Stream.STEP, step)).to(device)
        loss = functional.cross_entropy(net(x)[1], data.labels[index].to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net.eval(), steps * batch / 1000


def _augment(x: Tensor, g: torch.Generator) -> Tensor:
    """Rotate by up to 12 degrees, scale by up to 10 %, shift by up to 6 % of the size; no flips (digits have none)."""
    angle = (torch.rand(len(x), generator=g) * 2 - 1) * math.radians(12)
    zoom = 1 + (torch.rand(len(x), generator=g) * 2 - 1) * 0.1
    cos, sin = angle.cos() / zoom, angle.sin() / zoom
    shift = (torch.rand(len(x), 2, generator=g) * 2 - 1) * 0.12  # in half sizes
    theta = torch.stack([cos, -sin, shift[:, 0], sin, cos, shift[:, 1]], 1).view(-1, 2, 3)
    grid = functional.affine_grid(theta, list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, padding_mode="border", align_corners=False)


def channels(data: ImageSet, classes: int) -> ImageSet:
    """The channels of images (N,H,W,C) as images of their own (NC,H,W,1), labels taken apart: the first is the leading
    digit of the label in base `classes`."""
    assert data.labels is not None
    n, h, w, c = data.images.shape
    place = classes ** torch.arange(c - 1, -1, -1)
    labels = data.labels[:, None] // place % classes  # (N,C)
    images = data.images.permute(0, 3, 1, 2).reshape(n * c, h, w, 1)
    return ImageSet(images, labels.flatten(), Spec((1, h, w), classes))


class Classifier(Extractor):
    """A trained network as a feature space."""

    version = 1
    tells_classes = True
    dim = DIM
    distance = "FD-clf"
    preprocessing = "x / 127.5 - 1"

    def __init__(self, net: Net, name: str, weights: str, confusion: Tensor | None = None) -> None:
        super().__init__()
        self.net = net.eval().requires_grad_(False)
        self.name, self.weights, self.confusion = name, weights, confusion

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features, logits = self.net(x)
        return features, logits

    @property
    def recipe(self) -> dict[str, Any]:
        return _recipe(self.net, channels=0)

    def maps(self, x: Tensor) -> list[Tensor]:
        return self.net.maps(x)


class ChannelClassifier(Extractor):
    """A network of single channels as a feature space of images with C of them: features side by side, and logits of
    all combinations of their classes."""

    version = 1
    tells_classes = True
    distance = "FD-clf"
    preprocessing = "x / 127.5 - 1, channel by channel"

    def __init__(self, net: Net, name: str, weights: str, channels: int, confusion: Tensor) -> None:
        super().__init__()
        self.net = net.eval().requires_grad_(False)
        self.name, self.weights, self.dim = name, weights, channels * DIM
        self.confusion = confusion
        for _ in range(channels - 1):  # channels are drawn apart, so they are confused apart
            self.confusion = torch.kron(self.confusion, confusion)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        b, c, h, w = x.shape
        features, logits = self.net(x.reshape(b * c, 1, h, w))
        first, *rest = logits.log_softmax(1).view(b, c, -1).unbind(1)  # (B,k) each
        for channel in rest:
            first = (first[:, :, None] + channel[:, None]).flatten(1)
        return features.reshape(b, -1), first

    @property
    def recipe(self) -> dict[str, Any]:
        return _recipe(self.net, channels=self.dim // DIM)

    def maps(self, x: Tensor) -> list[Tensor]:
        """Those of the channels side by side."""
        b, c, h, w = x.shape
        return [found.unflatten(0, (b, c)).flatten(1, 2) for found in self.net.maps(x.reshape(b * c, 1, h, w))]


def _recipe(net: Net, channels: int) -> dict[str, Any]:
    shape, classes = net.spec.shape, net.spec.classes
    return {"shape": list(shape), "classes": classes, "channels": channels, "width": net.width}


def build(recipe: Mapping[str, Any]) -> FeatureNetwork:
    """The network of an extractor's recipe, with fresh weights."""
    c, h, w = recipe["shape"]
    net = Net(Spec((c, h, w), recipe["classes"]), recipe.get("width", WIDTH))
    if recipe["channels"]:
        unknown = torch.eye(recipe["classes"], dtype=torch.float64)
        return FeatureNetwork(ChannelClassifier(net, "", "", recipe["channels"], unknown))
    return FeatureNetwork(Classifier(net, "", ""))


def held_out(extractor: Extractor, data: ImageSet, device: torch.device) -> dict[str, Any]:
    """How a space does on images it was not trained on: accuracy and confusion, by counts and by probabilities."""
    assert data.labels is not None
    logits = extractor.extract(data.images, device, batch=250).logits
    assert logits is not None
    classes = data.spec.classes
    predicted, p = logits.argmax(1), logits.double().softmax(1)
    counts = torch.zeros(classes, classes, dtype=torch.int64)
    counts.index_put_((data.labels, predicted), torch.ones_like(predicted), accumulate=True)
    soft = torch.zeros(classes, classes, dtype=torch.float64).index_add_(0, data.labels, p)
    return {
        "accuracy": float((predicted == data.labels).double().mean()),
        "confusion": counts.tolist(),  # rows: true class, columns: predicted class
        "soft_confusion": (soft / counts.sum(1, keepdim=True)).tolist(),  # rows: mean probabilities of a true class
        "n_test": len(data.images),
    }


def judge_name(seed: int, width: int) -> str:
    return f"s{seed}-w{width}"


def save(folder: Path, nets: Mapping[str, Net], about: dict[str, Any]) -> None:
    """Write <judge>.safetensors each, and then classifier.json, which names their content hashes.

    about: `judges` holds the facts of each, by name.
    """
    judges = []
    for name, net in nets.items():
        checkpoint.save(folder / f"{name}.safetensors", net.state_dict(), {"kind": "classifier"})
        sha256 = files.sha256(folder / f"{name}.safetensors")
        judges.append({"name": name, "width": net.width, "sha256": sha256, **about["judges"][name]})
    files.write_json(folder / "classifier.json", {**about, "judges": judges})


_FACTS = ("shape", "classes")
_OF_A_JUDGE = ("name", "width", "sha256", "soft_confusion")


def load(root: Path, dataset: str) -> Extractor:
    """The judges of a data set. Raises ValueError if their stage has not run, or its files do not fit together."""
    folder = root / paths.classifier(dataset)
    remedy = f"run `paragone classifier {dataset}`, or take 'classifier' out of the profile's spaces"
    if not (folder / "classifier.json").is_file():
        raise ValueError(f"{folder / 'classifier.json'}: not found; {remedy}")
    about = files.read_json(folder / "classifier.json")
    if not isinstance(about.get("judges"), list) or not about["judges"]:
        raise ValueError(f"{folder / 'classifier.json'}: names no judges, as before protocol 2; {remedy}")
    for where, part, keys in (("it", about, _FACTS), *(("a judge", judge, _OF_A_JUDGE) for judge in about["judges"])):
        if lacking := [key for key in keys if key not in part]:
            raise ValueError(f"{folder / 'classifier.json'}: {where} lacks {', '.join(lacking)}; {remedy}")
    facts = root / paths.prepared(dataset) / "dataset.json"
    if facts.is_file() and (now := files.read_json(facts)["content_hash"]) != about.get("data"):
        raise ValueError(
            f"{folder / 'classifier.json'}: its judges were trained on data {str(about.get('data'))[:12]}, and "
            f"{facts.parent} holds {now[:12]}; {remedy}"
        )
    networks = {judge["name"]: _judge(folder, about, judge, f"clf-{dataset}", remedy) for judge in about["judges"]}
    kept = ("width", "sha256", "accuracy", "kimg")
    lineage = {judge["name"]: {key: judge[key] for key in kept if key in judge} for judge in about["judges"]}
    return Ensemble(networks, {"judges": lineage})


def _judge(folder: Path, about: dict[str, Any], judge: dict[str, Any], name: str, remedy: str) -> Extractor:
    """One judge. Raises ValueError if its file is missing or another one."""
    weights = folder / f"{judge['name']}.safetensors"
    if not weights.is_file():
        raise ValueError(f"{weights}: judge {judge['name']} is missing from the ensemble of {name}; {remedy}")
    tensors, _ = checkpoint.load(weights)
    if (found := files.sha256(weights)) != judge["sha256"]:
        raise ValueError(f"{weights}: SHA-256 is {found}, but classifier.json names {judge['sha256']}; {remedy}")
    (c, h, w), each = about["shape"], about.get("channel_classes", 0)
    net = Net(Spec((1 if each else c, h, w), each or about["classes"]), judge["width"])
    net.load_state_dict(tensors)
    confusion = torch.tensor(judge["soft_confusion"], dtype=torch.float64)
    if each:
        return ChannelClassifier(net, name, judge["sha256"], c, confusion)
    return Classifier(net, name, judge["sha256"], confusion)
