"""DCGAN: Paragone's loop against the loop of PyTorch's DCGAN example, with the same networks.

https://github.com/pytorch/examples/tree/main/dcgan: a torchvision data set with Resize, ToTensor and Normalize, a
shuffling DataLoader (batches of 64, 2 workers by default), float32, binary cross-entropy, two backward passes of the
discriminator, five `.item()` and a line of text at every step. Its pictures and checkpoints are left out.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import digits
import harness
import torch
from torch import Tensor, nn
from torch.optim import Adam
from torch.utils.data import DataLoader

from paragone.data.torchvision_compat import import_torchvision
from paragone.models.gan.dcgan import DCGAN

import_torchvision()
from torchvision import datasets, transforms  # noqa: E402

BATCH = 64


class Setting(NamedTuple):
    """A network and the size of its images; a slice is `steps` batches."""

    config: DCGAN.Config
    size: int
    steps: int
    about: str


SETTINGS = {
    "full": Setting(DCGAN.Config(width=64, kernel=4), 64, 4, "the example's own width (64) and size (64 px)"),
    "small": Setting(DCGAN.Config(width=32, kernel=4), 32, 40, "width 32, 32 px"),
}


class Example:
    """The example's training loop, in slices."""

    def __init__(self, model: DCGAN, root: str, setting: Setting, workers: int) -> None:
        transform = transforms.Compose(
            [transforms.Resize(setting.size), transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))]
        )
        dataset = datasets.MNIST(root, transform=transform)
        self.loader = DataLoader(dataset, batch_size=BATCH, shuffle=True, num_workers=workers)
        self.batches, self.steps = self._epochs(), setting.steps
        self.G, self.D, self.z_dim = model.G, model.D, model.cfg.z_dim
        self.criterion = nn.BCELoss()
        self.optimizer_d = Adam(self.D.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.optimizer_g = Adam(self.G.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.log: list[str] = []

    def _epochs(self) -> Iterator[Tensor]:
        while True:
            for images, _ in self.loader:
                yield images

    def _score(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.D(x)).view(-1)

    def __call__(self) -> int:
        images = 0
        for _ in range(self.steps):
            real = next(self.batches)
            images += len(real)
            self._step(real)
        return images

    def _step(self, real: Tensor) -> None:
        self.D.zero_grad()
        label = torch.full((len(real),), 1.0)
        output = self._score(real)
        loss_real = self.criterion(output, label)
        loss_real.backward()
        d_x = output.mean().item()
        fake = torch.tanh(self.G(torch.randn(len(real), self.z_dim)))
        label.fill_(0.0)
        output = self._score(fake.detach())
        loss_fake = self.criterion(output, label)
        loss_fake.backward()
        d_g_z1 = output.mean().item()
        self.optimizer_d.step()
        self.G.zero_grad()
        label.fill_(1.0)
        output = self._score(fake)
        loss_g = self.criterion(output, label)
        loss_g.backward()
        d_g_z2 = output.mean().item()
        self.optimizer_g.step()
        loss_d = (loss_real + loss_fake).item()
        self.log.append(f"{loss_d:.4f} {loss_g.item():.4f} {d_x:.4f} {d_g_z1:.4f} {d_g_z2:.4f}")


def contestants(name: str, root: str) -> dict[str, harness.Slice]:
    """Ours in both precisions, and the example with two workers and with none."""
    setting = SETTINGS[name]
    data = digits.image_set(setting.size)
    plan = replace(DCGAN.plan, kimg=BATCH * setting.steps / 1000, batch=BATCH)
    sides: dict[str, harness.Slice] = {
        f"{name}, {p}": harness.our_training(DCGAN(setting.config, data.spec), data, replace(plan, precision=p))
        for p in ("auto", "fp32")
    }
    for workers in (2, 0):
        model = DCGAN(setting.config, data.spec)
        sides[f"{name}, {workers} workers"] = Example(model, root, setting, workers)
    return sides


def measure(rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        digits.write_idx(folder)
        sides: dict[str, harness.Slice] = {}
        for name in SETTINGS:
            sides |= contestants(name, folder)
        timings = harness.interleave(sides, rounds)
    ours = {"auto": "ours, default precision (bf16 where supported)", "fp32": "ours in float32"}
    peer = {2: "example as published", 0: "example without workers"}
    pairs = [
        harness.Pair(
            f"{name}, {p}",
            f"{name}, {workers} workers",
            f"{setting.about}: {ours[p]}; {peer[workers]}",
            2.0 if (p, workers) == ("auto", 2) else None,
        )
        for name, setting in SETTINGS.items()
        for p in ours
        for workers in peer
    ]
    return {
        "title": "DCGAN training",
        "peer": "the loop of PyTorch's DCGAN example",
        "setting": f"The same networks, 4 x 4 kernels as in the example, batches of {BATCH}, Adam",
        "versions": harness.versions("torchvision"),
        **harness.summarise(timings, pairs),
    }


if __name__ == "__main__":
    harness.main(measure)
