"""DCGAN: Paragone's loop against the loop of PyTorch's DCGAN example, with the same networks.

https://github.com/pytorch/examples/tree/main/dcgan: a torchvision data set with Resize, ToTensor and Normalize, a
shuffling DataLoader (batches of 64, 2 workers by default), float32, binary cross-entropy, two backward passes of the
discriminator, five `.item()` and a line of text at every step. Its pictures and checkpoints are left out.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam
from torch.utils.data import DataLoader

import digits
import harness
from paragone.models.gan.dcgan import DCGAN
from paragone.torchvision_compat import import_torchvision

import_torchvision()
from torchvision import datasets, transforms  # noqa: E402

BATCH, STEPS = 64, 60  # a slice is STEPS batches
CONFIG = DCGAN.Config(width=32)


class Example:
    """The example's training loop, in slices."""

    def __init__(self, model: DCGAN, root: str, workers: int) -> None:
        transform = transforms.Compose(
            [transforms.Resize(32), transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))]
        )
        dataset = datasets.MNIST(root, transform=transform)
        self.loader = DataLoader(dataset, batch_size=BATCH, shuffle=True, num_workers=workers)
        self.batches = self._epochs()
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
        for _ in range(STEPS):
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


def measure(rounds: int) -> dict[str, Any]:
    data = digits.image_set()
    plan = replace(DCGAN.plan, kimg=BATCH * STEPS / 1000, batch=BATCH)
    with tempfile.TemporaryDirectory() as folder:
        digits.write_idx(folder)
        sides: dict[str, harness.Slice] = {
            precision: harness.our_training(DCGAN(CONFIG, data.spec), data, replace(plan, precision=precision))
            for precision in ("auto", "fp32")
        }
        sides |= {f"workers={n}": Example(DCGAN(CONFIG, data.spec), folder, n) for n in (2, 0)}
        timings = harness.interleave(sides, rounds)
    parameters = sum(p.numel() for p in DCGAN(CONFIG, data.spec).parameters())
    pairs = [
        harness.Pair(
            "auto", "workers=2", "ours as it comes (bf16 where the hardware has it); example as it comes", 2.0
        ),
        harness.Pair("auto", "workers=0", "ours as it comes; example without worker processes"),
        harness.Pair("fp32", "workers=2", "ours in float32; example as it comes"),
        harness.Pair("fp32", "workers=0", "ours in float32; example without worker processes"),
    ]
    return {
        "title": "DCGAN, training",
        "peer": "the loop of PyTorch's DCGAN example",
        "setting": f"the same networks (width {CONFIG.width}, 5 x 5 kernels, {parameters / 1e6:.2f} M parameters), "
        f"32 x 32 x 1, batches of {BATCH}, Adam",
        "versions": harness.versions("torchvision"),
        **harness.summarise(timings, pairs),
    }


if __name__ == "__main__":
    harness.main(measure)
