"""ProGAN: Paragone's networks and loop against pro-gan-pth's, https://github.com/akanimax/pro_gan_pytorch.

pro-gan-pth's networks, loss and updates as they come, with their checks for gradients that overflow and losses read at
each update; four updates of each network on every batch and noise; averaged weights; its data set of image files in its
shuffling loader. Its loop over sizes is replaced by ours, so that both sides fade each size in at the same images, and
its pictures, checkpoints and TensorBoard's summaries are left out. Its loader has no workers here.

Both networks have the same layers. Where ours doubles or halves within a strided convolution, as the authors' fused
kernels do, pro-gan-pth repeats pixels before one and averages them after one and its activation, at the larger size;
and its generator's updates take gradients of the discriminator's weights too, which nobody uses. A slice is 115 million
multiply-accumulates an image here and 210 million there.

It was written for PyTorch 1.10. What later ones changed of a transposed convolution's padding, which is none here, is
put back, and the module of TensorBoard, which it imports for its loop, is an empty one.
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
REPEATS = 4  # updates on a batch there
TOLERANCE = 0.01  # by which the numbers of parameters may differ
CONFIG = ProGAN.Config(z_dim=64, width=512, max_width=64)  # as in the profiles all and claims-large


def import_peer() -> Any:
    """pro-gan-pth's module of the loop, and with it its networks, on the present PyTorch."""
    unused = ModuleType("torch.utils.tensorboard")
    unused.SummaryWriter = None
    sys.modules[unused.__name__] = unused
    gan = importlib.import_module("pro_gan_pytorch.gan")
    layers = importlib.import_module("pro_gan_pytorch.custom_layers")
    layers.EqualizedConvTranspose2d._output_padding = lambda *_: [0, 0]
    return gan


class Peer:
    """Its training, in slices."""

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
    """Of stage 1, 4 x 4, and up: its networks have no argument for it."""
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
    auto = "ours as it comes (bf16 where the hardware has it); pro-gan-pth in float32"
    pairs = [
        harness.Pair("ours auto", "pro-gan-pth", auto, 1.2),
        harness.Pair("ours fp32", "pro-gan-pth", "both in float32"),
    ]
    return {
        "title": "ProGAN, training",
        "peer": "pro-gan-pth's networks and updates",
        "setting": f"the same layers, of {CONFIG.max_width} channels at most ({ours / 1e6:.3f} M and "
        f"{theirs / 1e6:.3f} M parameters), resized within convolutions here and beside them there; grown within each "
        f"slice from 4 x 4 x 1 to {SIZE} x {SIZE} x 1, WGAN-GP, batches of {BATCH}",
        "versions": harness.versions("pro-gan-pth", "torchvision"),
        **harness.summarise(timings, pairs),
    }


if __name__ == "__main__":
    harness.main(measure)
