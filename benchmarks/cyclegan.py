"""CycleGAN: Paragone's loop against the loop of the authors' PyTorch code, with the same networks.

https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix, cycle_gan_model.py and its data set of two folders. An image of
one collection and a random one of the other are read from their files, converted to RGB or grey and to a tensor, and
normalised. Batches of 1, float32. Both generators learn in one step with the discriminators frozen, then the
discriminators, each with a pool of 50 translations. Losses are stored as numbers at every step. Resizing, cropping and
mirroring are left out on both sides, and the authors' DataLoader has no workers here.
"""

import itertools
import random
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import digits
import harness
import torch
from PIL import Image
from torch import Tensor, nn
from torch.optim import Adam
from torch.utils.data import DataLoader, Dataset

from paragone.data.torchvision_compat import import_torchvision
from paragone.models.translation.cyclegan import CycleGAN

import_torchvision()
from torchvision import transforms  # noqa: E402

STEPS, FILES, SIZE = 60, 500, 32  # a slice is STEPS images of each collection
CONFIG = CycleGAN.Config(width=16, blocks=3, strided=2)


class TwoFolders(Dataset[dict[str, Tensor]]):
    """An image from folder A and a random one from folder B."""

    def __init__(self, root: Path) -> None:
        self.a, self.b = (sorted((root / side).iterdir()) for side in "AB")
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])

    def __len__(self) -> int:
        return max(len(self.a), len(self.b))

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        paths = self.a[i % len(self.a)], self.b[random.randint(0, len(self.b) - 1)]
        a, b = (self.transform(Image.open(path).convert("L")) for path in paths)
        return {"A": a, "B": b}


class ImagePool:
    """A pool of recent translations."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.images: list[Tensor] = []

    def query(self, images: Tensor) -> Tensor:
        shown = []
        for image in images.data:
            fresh = image[None]
            if len(self.images) < self.size:
                self.images.append(fresh)
            elif random.uniform(0, 1) > 0.5:
                at = random.randint(0, self.size - 1)
                self.images[at], fresh = fresh, self.images[at].clone()
            shown.append(fresh)
        return torch.cat(shown)


class Authors:
    """The authors' training loop, in slices."""

    def __init__(self, model: CycleGAN, root: Path, precision: str) -> None:
        self.model, self.bf16 = model, precision == "bf16"
        self.loader = DataLoader(TwoFolders(root), batch_size=1, shuffle=True)
        self.batches = self._epochs()
        self.pools = ImagePool(50), ImagePool(50)
        self.l1, self.l2 = nn.L1Loss(), nn.MSELoss()
        betas = (0.5, 0.999)
        self.optimizer_g = Adam(itertools.chain(model.G.parameters(), model.F.parameters()), lr=2e-4, betas=betas)
        self.optimizer_d = Adam(itertools.chain(model.D_X.parameters(), model.D_Y.parameters()), lr=2e-4, betas=betas)
        self.losses: dict[str, float] = {}

    def _epochs(self) -> Iterator[dict[str, Tensor]]:
        while True:
            yield from self.loader

    def __call__(self) -> int:
        for _ in range(STEPS):
            self._step(next(self.batches))
        return STEPS

    def _learn(self, learn: bool) -> None:
        for net in (self.model.D_X, self.model.D_Y):
            for parameter in net.parameters():
                parameter.requires_grad = learn

    def _step(self, batch: dict[str, Tensor]) -> None:
        x, y, model = batch["A"], batch["B"], self.model
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            fake_y, fake_x = torch.tanh(model.G(x)), torch.tanh(model.F(y))
            back_x, back_y = torch.tanh(model.F(fake_y)), torch.tanh(model.G(fake_x))
            self._learn(False)
            self.optimizer_g.zero_grad()
            idt = {"idt_A": (torch.tanh(model.G(y)), y), "idt_B": (torch.tanh(model.F(x)), x)}
            parts = {name: self.l1(made.float(), wanted) * 5.0 for name, (made, wanted) in idt.items()}
            parts |= {"G_A": self._score(model.D_Y(fake_y), True), "G_B": self._score(model.D_X(fake_x), True)}
            parts |= {"cycle_A": self.l1(back_x.float(), x) * 10.0, "cycle_B": self.l1(back_y.float(), y) * 10.0}
        torch.stack(list(parts.values())).sum().backward()
        self.optimizer_g.step()
        self._learn(True)
        self.optimizer_d.zero_grad()
        for name, net, real, fake, pool in (
            ("D_A", model.D_Y, y, fake_y, self.pools[0]),
            ("D_B", model.D_X, x, fake_x, self.pools[1]),
        ):
            old = pool.query(fake).detach()
            with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
                parts[name] = (self._score(net(real), True) + self._score(net(old), False)) * 0.5
            parts[name].backward()
        self.optimizer_d.step()
        self.losses = {name: part.item() for name, part in parts.items()}

    def _score(self, scores: Tensor, real: bool) -> Tensor:
        target = torch.tensor(1.0 if real else 0.0).expand_as(scores)
        return self.l2(scores.float(), target)


def write_folders(root: Path) -> None:
    """Digits as folder B, their negatives as folder A."""
    for side in "AB":
        (root / side).mkdir()
    for i, image in enumerate(digits.padded()[:FILES, :, :, 0].numpy()):
        Image.fromarray(image).save(root / "B" / f"{i:04d}.png")
        Image.fromarray(255 - image).save(root / "A" / f"{i:04d}.png")


def measure(rounds: int) -> dict[str, Any]:
    data = digits.image_set(SIZE)
    data = data._replace(sources=255 - data.images)
    plan = replace(CycleGAN.plan, kimg=STEPS / 1000, batch=1)
    with tempfile.TemporaryDirectory() as folder:
        write_folders(Path(folder))
        sides: dict[str, harness.Slice] = {
            f"ours {p}": harness.our_training(CycleGAN(CONFIG, data.spec), data, replace(plan, precision=p))
            for p in ("auto", "fp32")
        }
        sides |= {f"authors {p}": Authors(CycleGAN(CONFIG, data.spec), Path(folder), p) for p in ("fp32", "bf16")}
        timings = harness.interleave(sides, rounds)
    auto = "ours, default precision (bf16 where supported)"
    pairs = [
        harness.Pair("ours auto", "authors fp32", f"{auto}; the authors' loop as published (float32)", 1.5),
        harness.Pair("ours fp32", "authors fp32", "both in float32"),
        harness.Pair("ours auto", "authors bf16", f"{auto}; the authors' loop with bf16 autocast"),
    ]
    return {
        "title": "CycleGAN training",
        "peer": "the loop of the authors' PyTorch code",
        "setting": f"The same networks (width {CONFIG.width}, {CONFIG.blocks} residual blocks, {CONFIG.strided} "
        f"strided layers), {SIZE} x {SIZE} x 1, batches of 1",
        "versions": harness.versions("torchvision"),
        **harness.summarise(timings, pairs),
    }


if __name__ == "__main__":
    harness.main(measure)
