"""DDPM: Paragone's U-Net and loop against diffusers' UNet2DModel and the loop of its unconditional example.

https://github.com/huggingface/diffusers/tree/main/examples/unconditional_image_generation: images through Resize,
CenterCrop, ToTensor and Normalize in a shuffling DataLoader without workers; DDPMScheduler with noise prediction; AdamW
with a cosine schedule; gradients clipped at 1; averaged weights; the loss logged at every step. The library
`accelerate` is left out; autocast stands in for its mixed precision.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import digits
import harness
import torch
from torch import Tensor
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader

from paragone.data.torchvision_compat import import_torchvision
from paragone.models.diffusion.ddpm import DDPM

import_torchvision()  # diffusers imports it
from diffusers import DDPMScheduler, UNet2DModel  # noqa: E402
from diffusers.optimization import get_cosine_schedule_with_warmup  # noqa: E402
from diffusers.training_utils import EMAModel  # noqa: E402
from torchvision import datasets, transforms  # noqa: E402

BATCH, STEPS = 32, 4  # a slice is STEPS batches
PATCH_STEPS = 16  # for the faster network with a patch stem
CONFIG = DDPM.Config(width=32, multipliers=(1, 2, 2), attention=(8,))
TOLERANCE = 0.02  # relative difference allowed between the parameter counts


def diffusers_unet() -> UNet2DModel:
    """The network of CONFIG as a diffusers model."""
    channels = tuple(CONFIG.width * m for m in CONFIG.multipliers)
    return UNet2DModel(
        sample_size=32,
        in_channels=1,
        out_channels=1,
        layers_per_block=CONFIG.blocks,
        block_out_channels=channels,
        down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        attention_head_dim=channels[-1],  # one head
        norm_num_groups=8,
        dropout=CONFIG.dropout,
    )


class Example:
    """The example's training loop, in slices."""

    def __init__(self, model: UNet2DModel, root: str, precision: str) -> None:
        transform = transforms.Compose(
            [
                transforms.Resize(32, interpolation=transforms.InterpolationMode.BILINEAR),
                transforms.CenterCrop(32),
                transforms.ToTensor(),
                transforms.Normalize([0.5], [0.5]),
            ]
        )
        dataset = datasets.MNIST(root, transform=transform)
        self.loader = DataLoader(dataset, batch_size=BATCH, shuffle=True)
        self.batches = self._epochs()
        self.model, self.bf16 = model.train(), precision == "bf16"
        self.scheduler = DDPMScheduler(num_train_timesteps=1000)
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.95, 0.999), weight_decay=1e-6)
        self.rates = get_cosine_schedule_with_warmup(self.optimizer, 500, 100_000)
        self.ema = EMAModel(model.parameters(), use_ema_warmup=True)
        self.log: list[float] = []

    def _epochs(self) -> Iterator[Tensor]:
        while True:
            for images, _ in self.loader:
                yield images

    def __call__(self) -> int:
        for _ in range(STEPS):
            self._step(next(self.batches))
        return STEPS * BATCH

    def _loss(self, clean: Tensor) -> Tensor:
        noise = torch.randn_like(clean)
        t = torch.randint(0, 1000, (len(clean),))
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            predicted = self.model(self.scheduler.add_noise(clean, noise, t), t).sample
        return mse_loss(predicted.float(), noise)

    def _step(self, clean: Tensor) -> None:
        loss = self._loss(clean)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.rates.step()
        self.optimizer.zero_grad()
        self.ema.step(self.model.parameters())
        self.log.append(loss.item())


def _parameters(net: torch.nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def measure(rounds: int) -> dict[str, Any]:
    data = digits.image_set()
    plan = replace(DDPM.plan, kimg=BATCH * STEPS / 1000, batch=BATCH)
    models = {f"ours {p}": DDPM(CONFIG, data.spec) for p in ("auto", "fp32")}
    patched = DDPM(replace(CONFIG, patch=2), data.spec)
    theirs = _parameters(diffusers_unet())
    for model in (*models.values(), patched):
        if abs(_parameters(model.net) / theirs - 1) > TOLERANCE:
            raise RuntimeError(f"parameters differ: ours {_parameters(model.net)}, diffusers' {theirs}")
    with tempfile.TemporaryDirectory() as folder:
        digits.write_idx(folder)
        sides: dict[str, harness.Slice] = {
            name: harness.our_training(model, data, replace(plan, precision=name.split()[1]))
            for name, model in models.items()
        }
        sides["ours, patches"] = harness.our_training(patched, data, replace(plan, kimg=BATCH * PATCH_STEPS / 1000))
        sides |= {f"diffusers {p}": Example(diffusers_unet(), folder, p) for p in ("fp32", "bf16")}
        timings = harness.interleave(sides, rounds)
    auto = "ours, default precision (bf16 where supported)"
    pairs = [
        harness.Pair("ours auto", "diffusers fp32", f"{auto}; example as published (float32)", 1.5),
        harness.Pair("ours fp32", "diffusers fp32", "both in float32"),
        harness.Pair("ours auto", "diffusers bf16", f"{auto}; example with bf16 autocast"),
        harness.Pair(
            "ours, patches",
            "diffusers fp32",
            "different architectures: ours on 2 x 2 patches, default precision; example as published",
        ),
    ]
    counts = f"{_parameters(models['ours auto'].net) / 1e6:.3f} M ({_parameters(patched.net) / 1e6:.3f} M on patches)"
    return {
        "title": "DDPM U-Net training",
        "peer": "diffusers' UNet2DModel and the loop of its unconditional example",
        "setting": f"U-Nets with {counts} and {theirs / 1e6:.3f} M parameters (width {CONFIG.width}, multipliers "
        f"{CONFIG.multipliers}, attention at 8 x 8), 32 x 32 x 1, batches of {BATCH}, averaged weights on both sides",
        "versions": harness.versions("diffusers", "torchvision"),
        **harness.summarise(timings, pairs),
    }


if __name__ == "__main__":
    harness.main(measure)
