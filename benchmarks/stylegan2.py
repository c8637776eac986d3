"""StyleGAN2: Paragone's networks and loop against stylegan2-torch's networks and losses.

https://github.com/ppeetteerrs/stylegan2-torch has the paper's networks and losses, but no training loop. The loop here
rewrites that of the code it is adapted from, https://github.com/rosinality/stylegan2-pytorch: the discriminator first,
each network frozen while the other learns, R1 every 16 steps and path lengths every 4 at half a batch, Adam with rates
adjusted for lazy regularisation, averaged weights, losses read at every step, images from torchvision in a shuffling
DataLoader without workers. The peer draws mixed styles once per batch, Paragone once per image. An image takes 151
million multiply-accumulates in Paragone and 155 million in stylegan2-torch.

stylegan2-torch resamples with a CUDA kernel that is compiled at import. Here one depthwise convolution of zero-padded
images replaces it, the faster of two ways that were tried on a CPU. Its gradients of both orders are unchanged.
"""

import random
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import digits
import harness
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad
from torch.optim import Adam
from torch.utils import cpp_extension
from torch.utils.data import DataLoader

from paragone.data.torchvision_compat import import_torchvision
from paragone.models.gan.stylegan2 import StyleGAN2, widths

import_torchvision()
from torchvision import datasets, transforms  # noqa: E402

BATCH, STEPS, SHAPE = 16, 16, (1, 32, 32)  # a slice is STEPS batches, with one gradient term of R1
CONFIG = StyleGAN2.Config(
    z_dim=64, w_dim=64, width=512, max_width=64
)  # channels as in the profile all; stylegan2-torch has z of the size of w
TOLERANCE = 0.01  # relative difference allowed between the parameter counts


def resample(
    x: Tensor, kernel: Tensor, up_x: int, up_y: int, down_x: int, down_y: int, *padding: int
) -> Tensor:  # fmt: skip
    """Upsample images (N,1,H,W) with zeros, pad and filter them, then downsample."""
    if up_x > 1 or up_y > 1:
        spread = x.new_zeros(len(x), 1, x.shape[2] * up_y, x.shape[3] * up_x)
        spread[:, :, ::up_y, ::up_x] = x
        x = spread
    x = pad(x, padding).transpose(0, 1)  # (1,N,H,W)
    weight = kernel.flip(0, 1).expand(x.shape[1], 1, -1, -1)
    return conv2d(x, weight, stride=(down_y, down_x), groups=x.shape[1]).transpose(0, 1)


def import_peer() -> Any:
    """stylegan2-torch without its compiled kernels."""
    compiler, cpp_extension.load = cpp_extension.load, lambda *_, **__: SimpleNamespace(upfirdn2d=resample)
    try:
        import stylegan2_torch
    finally:
        cpp_extension.load = compiler
    return stylegan2_torch


def learn(net: nn.Module, on: bool) -> None:
    for parameter in net.parameters():
        parameter.requires_grad = on


class Peer:
    """The peer's networks in that loop, in slices."""

    def __init__(self, root: str) -> None:
        self.peer, side = import_peer(), SHAPE[1]
        channels = {4 * 2**i: c for i, c in enumerate(widths(SHAPE, CONFIG.width, CONFIG.max_width, "StyleGAN2"))}
        self.D = self.peer.Discriminator(side, channels=channels)
        self.G, self.average = (
            self.peer.Generator(side, CONFIG.z_dim, CONFIG.depth, channels=channels) for _ in range(2)
        )
        self.average.load_state_dict(self.G.state_dict())
        self.optimizer_g = self._adam(self.G, CONFIG.path_every)
        self.optimizer_d = self._adam(self.D, CONFIG.r1_every)
        steps = [transforms.Pad(2), transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))]
        dataset = datasets.MNIST(root, transform=transforms.Compose(steps))
        self.loader = DataLoader(dataset, BATCH, shuffle=True, drop_last=True)
        self.batches, self.path_mean = self._epochs(), torch.zeros(())
        self.losses: dict[str, float] = {}

    def _adam(self, net: nn.Module, every: int) -> Adam:
        share = every / (every + 1)
        return Adam(net.parameters(), CONFIG.lr * share, (0.0, CONFIG.beta2**share))

    def _epochs(self) -> Iterator[Tensor]:
        while True:
            for images, _ in self.loader:
                yield images

    def _z(self, n: int) -> list[Tensor]:
        return [torch.randn(n, CONFIG.z_dim) for _ in range(2 if random.random() < CONFIG.mixing else 1)]

    def __call__(self) -> int:
        for step in range(STEPS):
            losses = self._discriminator(next(self.batches), step) | self._generator(step)
            for kept, new in zip(self.average.parameters(), self.G.parameters(), strict=True):
                kept.data.mul_(0.999).add_(new.data, alpha=0.001)
            self.losses = {name: loss.item() for name, loss in losses.items()}
        return STEPS * BATCH

    def _step(self, optimizer: Adam, loss: Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def _discriminator(self, x: Tensor, step: int) -> dict[str, Tensor]:
        learn(self.G, False)
        learn(self.D, True)
        losses = {"d": self.peer.d_loss(self.D(x), self.D(self.G(self._z(BATCH))))}
        self._step(self.optimizer_d, losses["d"])
        if step % CONFIG.r1_every == 0:
            x.requires_grad = True
            losses["r1"] = self.peer.d_reg_loss(self.D(x), x)
            self._step(self.optimizer_d, CONFIG.gamma / 2 * CONFIG.r1_every * losses["r1"])
        return losses

    def _generator(self, step: int) -> dict[str, Tensor]:
        learn(self.G, True)
        learn(self.D, False)
        losses = {"g": self.peer.g_loss(self.D(self.G(self._z(BATCH))))}
        self._step(self.optimizer_g, losses["g"])
        if step % CONFIG.path_every == 0:
            images, w = self.G(self._z(BATCH // 2), return_latents=True)
            losses["path"], self.path_mean, _ = self.peer.g_reg_loss(images, w, self.path_mean)
            self._step(self.optimizer_g, CONFIG.path_weight * CONFIG.path_every * losses["path"])
        return losses


def compare(model: StyleGAN2, peer: Peer) -> tuple[int, int]:
    """The parameter counts. Raises RuntimeError if they differ, or if the discriminators' functions do."""
    ours, theirs = (sum(p.numel() for p in net.parameters()) for net in (model, nn.ModuleList([peer.G, peer.D])))
    if abs(ours / theirs - 1) > TOLERANCE:
        raise RuntimeError(f"parameters differ: ours {ours}, stylegan2-torch's {theirs}")
    x = torch.randn(BATCH, *SHAPE)
    with torch.no_grad():
        for a, b in zip(model.D.parameters(), peer.D.parameters(), strict=True):
            b.copy_(a.view_as(b))
        if not torch.allclose(model.D(x), peer.D(x), rtol=1e-3, atol=1e-4):
            raise RuntimeError("with the same weights, the discriminators give different scores")
    return ours, theirs


def measure(rounds: int) -> dict[str, Any]:
    data = digits.image_set()
    plan = replace(StyleGAN2.plan, kimg=STEPS * BATCH / 1000, batch=BATCH)
    models = {p: StyleGAN2(CONFIG, data.spec) for p in ("auto", "fp32")}
    with tempfile.TemporaryDirectory() as folder:
        digits.write_idx(folder)
        peer = Peer(folder)
        ours, theirs = compare(models["auto"], peer)
        sides: dict[str, harness.Slice] = {
            f"ours {p}": harness.our_training(model, data, replace(plan, precision=p)) for p, model in models.items()
        }
        timings = harness.interleave(sides | {"stylegan2-torch": peer}, rounds)
    auto = "ours, default precision (bf16 where supported); stylegan2-torch in float32"
    pairs = [
        harness.Pair("ours auto", "stylegan2-torch", auto, 1.2),
        harness.Pair("ours fp32", "stylegan2-torch", "both in float32"),
    ]
    return {
        "title": "StyleGAN2 training",
        "peer": "stylegan2-torch's networks and losses",
        "setting": f"The same networks, with at most {CONFIG.max_width} channels ({ours / 1e6:.3f} M and "
        f"{theirs / 1e6:.3f} M parameters), 32 x 32 x 1, batches of {BATCH}, R1 every {CONFIG.r1_every} steps and path "
        f"lengths every {CONFIG.path_every}, averaged weights on both sides",
        "versions": harness.versions("stylegan2-torch", "torchvision"),
        **harness.summarise(timings, pairs),
    }


if __name__ == "__main__":
    harness.main(measure)
