"""ProGAN: Paragone's networks and loop against pro-gan-pth's, https://github.com/akanimax/pro_gan_pytorch.

pro-gan-pth's networks, loss and updates are used unchanged, with their checks for overflowing gradients and with losses
read at each update: four updates of each network on every batch and noise, averaged weights, and its data set of image
files in its shuffling loader, here without workers. Its loop over sizes is replaced by ours, so that both sides fade in
each size at the same images. Its pictures, checkpoints and TensorBoard summaries are left out.

Both networks have the same layers. Ours doubles and halves sizes inside strided convolutions, as the authors' fused
kernels do. pro-gan-pth repeats pixels before a convolution, and averages them after a convolution and its activation,
so it computes at the larger size. Its generator updates also compute gradients of the discriminator's weights, which
are not used. An image takes 115 million multiply-accumulates in Paragone and 210 million in pro-gan-pth.

pro-gan-pth was written for PyTorch 1.10. A later change to the padding of transposed convolutions is undone, and an
empty module replaces TensorBoard, which its loop imports.
"""

import importlib
import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import digits
import harness
import torch
from PIL import Image
from torch import Tensor
from torch.optim import Adam

from paragone.data.torchvision_compat import import_torchvision
from paragone.models.gan.progan import ProGAN
from paragone.models.layers import progressive

import_torchvision()

BATCH, STEPS, SIZE, FILES = 16, 28, 32, 500  # a slice is STEPS batches, from 4 x 4 to SIZE
REPEATS = 4  # updates per batch in pro-gan-pth
TOLERANCE = 0.01  # relative difference allowed between the parameter counts
CONFIG = ProGAN.Config(z_dim=64, width=512, max_width=64)  # as in the profiles all and claims-large


def import_peer() -> Any:
    """pro-gan-pth's training module and its networks, made to run on current PyTorch."""
    unused = ModuleType("torch.utils.tensorboard")
    unused.SummaryWriter = None
    sys.modules[unused.__name__] = unused
    gan = importlib.import_module("pro_gan_pytorch.gan")
    layers = importlib.import_module("pro_gan_pytorch.custom_layers")
    layers.EqualizedConvTranspose2d._output_padding = lambda *_: [0, 0]
    return gan


class Peer:
    """pro-gan-pth's training, in slices."""

    def __init__(self, folder: Path) -> None:
        self.gan = import_peer()
        networks, data = (sys.modules[f"pro_gan_pytorch.{name}"] for name in ("networks", "data_tools"))
        networks.nf = channels
        self.levels = SIZE.bit_length() - 3
        d = self.gan.Discriminator(self.levels + 2, num_channels=1, latent_size=CONFIG.max_width)
        g = self.gan.Generator(self.levels + 2, num_channels=1, latent_size=CONFIG.z_dim)
        with redirect_stdout(io.StringIO()):
            self.model = self.gan.ProGAN(g, d)
        self.loss = self.gan.WganGP()
        self.optimizers = [Adam(net.parameters(), CONFIG.lr, (0.0, 0.99), eps=1e-8) for net in (d, g)]
        self.loader = self.gan.get_data_loader(data.ImageDirectoryDataset(folder), BATCH, num_workers=0)
        self.batches = self._epochs()

    def _epochs(self) -> Iterator[Tensor]:
        while True:
            yield from self.loader

    def __call__(self) -> int:
        for step in range(STEPS):
            if step % REPEATS == 0:
                images, noise = next(self.batches), torch.randn(BATCH, CONFIG.z_dim)
            level = progressive.split(progressive.level_at(step / STEPS, self.levels, CONFIG.growing))
            at = level.top + 2, level.weight
            self.model.optimize_discriminator(self.loss, self.optimizers[0], noise, images, *at)
            self.gan.update_average(self.model.gen_shadow, self.model.gen, beta=self.model.ema_beta)
            self.model.optimize_generator(self.loss, self.optimizers[1], noise, images, *at)
        return STEPS * BATCH


def channels(stage: int) -> int:
    """Channels of each stage, from stage 1 (4 x 4) up; pro-gan-pth's networks have no argument for them."""
    return min(CONFIG.max_width, CONFIG.width // 2 ** (stage + 1))


def write_images(folder: Path) -> None:
    for i, image in enumerate(digits.padded()[:FILES, :, :, 0].numpy()):
        Image.fromarray(image).save(folder / f"{i:04d}.png")


def parameters(*nets: torch.nn.Module) -> int:
    return sum(p.numel() for net in nets for p in net.parameters())


def measure(rounds: int) -> dict[str, Any]:
    data = digits.image_set(SIZE)
    plan = replace(ProGAN.plan, kimg=STEPS * BATCH / 1000, batch=BATCH)
    models = {p: ProGAN(CONFIG, data.spec) for p in ("auto", "fp32")}
    with tempfile.TemporaryDirectory() as folder:
        write_images(Path(folder))
        peer = Peer(Path(folder))
        ours, theirs = parameters(models["auto"]), parameters(peer.model.gen, peer.model.dis)
        if abs(ours / theirs - 1) > TOLERANCE:
            raise RuntimeError(f"parameters differ: ours {ours}, pro-gan-pth's {theirs}")
        sides: dict[str, harness.Slice] = {
            f"ours {p}": harness.our_training(model, data, replace(plan, precision=p)) for p, model in models.items()
        }
        timings = harness.interleave(sides | {"pro-gan-pth": peer}, rounds)
    auto = "ours, default precision (bf16 where supported); pro-gan-pth in float32"
    pairs = [
        harness.Pair("ours auto", "pro-gan-pth", auto, 1.2),
        harness.Pair("ours fp32", "pro-gan-pth", "both in float32"),
    ]
    return {
        "title": "ProGAN training",
        "peer": "pro-gan-pth's networks and updates",
        "setting": f"The same layers, with at most {CONFIG.max_width} channels ({ours / 1e6:.3f} M and "
        f"{theirs / 1e6:.3f} M parameters). Paragone resizes inside convolutions, pro-gan-pth outside them. Each slice "
        f"grows from 4 x 4 x 1 to {SIZE} x {SIZE} x 1. WGAN-GP, batches of {BATCH}",
        "versions": harness.versions("pro-gan-pth", "torchvision"),
        **harness.summarise(timings, pairs),
    }


if __name__ == "__main__":
    harness.main(measure)
