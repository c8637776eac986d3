"""Glow: Paragone's flow and loop against normflows' GlowBlock, MultiscaleFlow and the loop of its Glow example.

https://github.com/VincentStimper/normalizing-flows, examples/glow.ipynb: images through ToTensor, Scale and Jitter in a
shuffling DataLoader without workers; forward_kld; Adamax with weight decay; steps only where the loss is finite; the
loss logged at every step. Both networks have L levels of K steps, actnorm inside the coupling networks too, and 1 x 1
convolutions with an LU decomposition. Ours also has a convolution at each split, for the mean and scale of the half
that is split off, and, like the authors' code, an edge channel for its 3 x 3 convolutions.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import digits
import harness
import normflows as nf
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from paragone.data.torchvision_compat import import_torchvision
from paragone.models.flow.glow import Glow

import_torchvision()
from torchvision import datasets, transforms  # noqa: E402

BATCH, STEPS = 32, 4  # a slice is STEPS batches
CONFIG = Glow.Config(levels=3, steps=8, width=128)
TOLERANCE = 0.05  # relative difference allowed between the parameter counts


def normflows_glow() -> nf.MultiscaleFlow:
    """The flow of CONFIG as a normflows model; its levels run from noise to images."""
    base, flows, merges = [], [], []
    for i in range(CONFIG.levels):
        channels, side = 2 ** (CONFIG.levels + 1 - i), 32 // 2 ** (CONFIG.levels - i)
        steps = [
            nf.flows.GlowBlock(channels, CONFIG.width, split_mode="channel", scale=True, net_actnorm=True)
            for _ in range(CONFIG.steps)
        ]
        flows.append([*steps, nf.flows.Squeeze()])
        if i:
            merges.append(nf.flows.Merge())
        base.append(nf.distributions.DiagGaussian((channels // 2 if i else channels, side, side)))
    return nf.MultiscaleFlow(base, flows, merges, class_cond=False)


class Example:
    """The example's training loop, in slices."""

    def __init__(self, model: nf.MultiscaleFlow, root: str, precision: str) -> None:
        transform = transforms.Compose(
            [transforms.Pad(2), transforms.ToTensor(), nf.utils.Scale(255.0 / 256.0), nf.utils.Jitter(1 / 256.0)]
        )
        self.loader = DataLoader(datasets.MNIST(root, transform=transform), BATCH, shuffle=True, drop_last=True)
        self.batches = self._epochs()
        self.model, self.bf16 = model, precision == "bf16"
        self.optimizer = torch.optim.Adamax(model.parameters(), lr=1e-3, weight_decay=1e-5)
        self.history = np.array([])

    def _epochs(self) -> Iterator[Tensor]:
        while True:
            for images, _ in self.loader:
                yield images

    def __call__(self) -> int:
        for _ in range(STEPS):
            self._step(next(self.batches))
        return STEPS * BATCH

    def _step(self, x: Tensor) -> None:
        self.optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            loss = self.model.forward_kld(x)
        if not (torch.isnan(loss) or torch.isinf(loss)):
            loss.backward()
            self.optimizer.step()
        self.history = np.append(self.history, loss.detach().numpy())


def _parameters(net: torch.nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def measure(rounds: int) -> dict[str, Any]:
    data = digits.image_set()
    plan = replace(Glow.plan, kimg=BATCH * STEPS / 1000, batch=BATCH)
    models = {f"ours {p}": Glow(CONFIG, data.spec) for p in ("auto", "fp32")}
    ours, theirs = _parameters(models["ours auto"]), _parameters(normflows_glow())
    if abs(ours / theirs - 1) > TOLERANCE:
        raise RuntimeError(f"parameters differ: ours {ours}, normflows' {theirs}")
    with tempfile.TemporaryDirectory() as folder:
        digits.write_idx(folder)
        sides: dict[str, harness.Slice] = {
            name: harness.our_training(model, data, replace(plan, precision=name.split()[1]))
            for name, model in models.items()
        }
        sides |= {f"normflows {p}": Example(normflows_glow(), folder, p) for p in ("fp32", "bf16")}
        timings = harness.interleave(sides, rounds)
    auto = "ours, default precision (bf16 where supported)"
    pairs = [
        harness.Pair("ours auto", "normflows fp32", f"{auto}; example as published (float32)", 1.3),
        harness.Pair("ours fp32", "normflows fp32", "both in float32"),
        harness.Pair("ours auto", "normflows bf16", f"{auto}; example with bf16 autocast"),
    ]
    return {
        "title": "Glow training",
        "peer": "normflows' GlowBlock and the loop of its Glow example",
        "setting": f"Flows with {ours / 1e6:.3f} M and {theirs / 1e6:.3f} M parameters ({CONFIG.levels} levels of "
        f"{CONFIG.steps} steps, width {CONFIG.width}), 32 x 32 x 1, batches of {BATCH}",
        "versions": harness.versions("normflows", "torchvision"),
        **harness.summarise(timings, pairs),
    }


if __name__ == "__main__":
    harness.main(measure)
