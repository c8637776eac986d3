"""SNGAN: Paragone's networks and loop against mimicry's, https://github.com/kwotsin/mimicry.

mimicry's networks, training steps and Trainer are used unchanged: five discriminator updates per generator update, real
and generated images in two passes, a printed line at every step, torchvision's ToTensor and Normalize on each image, in
a DataLoader. The loader's four worker processes, TensorBoard's summaries and the checkpoints are left out, which
favours mimicry. For its metrics and for ImageNet, the package imports TensorFlow and parts of PyTorch that no longer
exist; only its training code is imported here.
"""

import importlib.util
import io
import sys
import tempfile
from contextlib import redirect_stdout
from dataclasses import replace
from types import ModuleType
from typing import Any

import digits
import harness
import torch
from PIL import Image
from torch import Tensor
from torch.optim import Adam
from torch.utils.data import DataLoader, Dataset

from paragone.data.base import ImageSet
from paragone.data.torchvision_compat import import_torchvision
from paragone.models.base import Spec
from paragone.models.gan.sngan import SNGAN

import_torchvision()
from torchvision import transforms  # noqa: E402

BATCH, UPDATES = 64, 2  # a slice has UPDATES generator updates, each after n_dis discriminator updates
CONFIG = SNGAN.Config(width=64)
TOLERANCE = 0.01  # relative difference allowed between the parameter counts


def import_mimicry() -> tuple[Any, Any]:
    """mimicry's networks for 32 px and its Trainer, without the rest of the package."""
    spec = importlib.util.find_spec("torch_mimicry")
    if spec is None:
        raise SystemExit("torch-mimicry is not installed; run benchmarks/run.py, which installs the peers")
    sys.modules["torch_mimicry"] = importlib.util.module_from_spec(spec)  # never executed; only submodules are needed
    for name, member in (("torch.utils.tensorboard", "SummaryWriter"), ("skimage", "io")):  # never called in training
        unused = ModuleType(name)
        setattr(unused, member, None)
        sys.modules[name] = unused
    networks = importlib.import_module("torch_mimicry.nets.sngan.sngan_32")
    return networks, importlib.import_module("torch_mimicry.training.trainer").Trainer


class Pictures(Dataset[tuple[Tensor, int]]):
    """Images (N,32,32,3) uint8, handed out as torchvision's data sets do."""

    def __init__(self, images: Tensor) -> None:
        self.images = images.numpy()
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), 0


class Mimicry:
    """mimicry's training, in slices."""

    def __init__(self, images: Tensor, updates: int = UPDATES, lr_decay: str = "linear") -> None:
        networks, self.Trainer = import_mimicry()
        self.updates, self.lr_decay = updates, lr_decay
        self.G = networks.SNGANGenerator32(ngf=CONFIG.width)
        self.D = networks.SNGANDiscriminator32(ndf=CONFIG.width // 2)
        self.optimizers = [Adam(net.parameters(), CONFIG.lr, (CONFIG.beta1, CONFIG.beta2)) for net in (self.D, self.G)]
        self.loader = DataLoader(Pictures(images), batch_size=BATCH, shuffle=True)

    def __call__(self) -> int:
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
            trainer = self.Trainer(
                netD=self.D, netG=self.G, optD=self.optimizers[0], optG=self.optimizers[1], n_dis=CONFIG.n_dis,
                num_steps=self.updates, lr_decay=self.lr_decay, dataloader=self.loader, log_dir=folder, log_steps=10**9,
                device=torch.device("cpu"),
            )  # fmt: skip
            trainer._save_model_checkpoints = lambda step: None
            trainer.train()
        return self.updates * CONFIG.n_dis * BATCH


def _parameters(*nets: torch.nn.Module) -> int:
    return sum(p.numel() for net in nets for p in net.parameters())


def measure(rounds: int) -> dict[str, Any]:
    grey = digits.image_set()
    data = ImageSet(grey.images.expand(-1, -1, -1, 3).contiguous(), grey.labels, Spec((3, 32, 32), 10))
    plan = replace(SNGAN.plan, kimg=UPDATES * CONFIG.n_dis * BATCH / 1000, batch=BATCH)
    models = {precision: SNGAN(CONFIG, data.spec) for precision in ("auto", "fp32")}
    mimicry = Mimicry(data.images)
    ours, theirs = _parameters(models["auto"].D, models["auto"].G), _parameters(mimicry.D, mimicry.G)
    if abs(ours / theirs - 1) > TOLERANCE:
        raise RuntimeError(f"parameters differ: ours {ours}, mimicry's {theirs}")
    sides: dict[str, harness.Slice] = {
        f"ours {p}": harness.our_training(model, data, replace(plan, precision=p)) for p, model in models.items()
    }
    timings = harness.interleave(sides | {"mimicry": mimicry}, rounds)
    pairs = [
        harness.Pair("ours auto", "mimicry", "ours, default precision (bf16 where supported); mimicry in float32", 1.5),
        harness.Pair("ours fp32", "mimicry", "both in float32"),
    ]
    return {
        "title": "SNGAN training",
        "peer": "mimicry's networks and Trainer",
        "setting": f"The paper's residual networks for 32 px with {CONFIG.width} channels ({ours / 1e6:.3f} M and "
        f"{theirs / 1e6:.3f} M parameters), 32 x 32 x 3, batches of {BATCH}, n_dis {CONFIG.n_dis}. "
        "Rates count real images",
        "versions": harness.versions("torch-mimicry", "torchvision"),
        **harness.summarise(timings, pairs),
    }


if __name__ == "__main__":
    harness.main(measure)
