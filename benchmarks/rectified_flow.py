"""Rectified flow: Paragone's U-Net and loop against diffusers' UNet2DModel in the loop of its examples.

The loop is that of `ddpm.py`, diffusers' unconditional example, with the loss of its scripts for flow models
(https://github.com/huggingface/diffusers/tree/main/examples/text_to_image and dreambooth, those for Stable Diffusion
3): FlowMatchEulerDiscreteScheduler, steps drawn by compute_density_for_timestep_sampling, noise minus image as the
target.
"""

import tempfile
from dataclasses import replace
from typing import Any

import ddpm
import digits
import harness
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.training_utils import compute_density_for_timestep_sampling
from torch import Tensor

from paragone.models.diffusion.rectified_flow import RectifiedFlow

CONFIG = RectifiedFlow.Config(width=32, multipliers=(1, 2, 2), attention=(8,))


class FlowExample(ddpm.Example):
    """The example's training loop with a flow's loss, in slices."""

    def __init__(self, model: Any, root: str, precision: str) -> None:
        super().__init__(model, root, precision)
        self.flow = FlowMatchEulerDiscreteScheduler()

    def _loss(self, clean: Tensor) -> Tensor:
        noise = torch.randn_like(clean)
        u = compute_density_for_timestep_sampling("none", len(clean), logit_mean=0.0, logit_std=1.0)
        index = (u * self.flow.config.num_train_timesteps).long()
        t = self.flow.timesteps[index]
        sigma = self.flow.sigmas[index].view(-1, 1, 1, 1)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            predicted = self.model((1.0 - sigma) * clean + sigma * noise, t).sample
        return ((predicted.float() - (noise - clean)) ** 2).reshape(len(clean), -1).mean(1).mean()


def measure(rounds: int) -> dict[str, Any]:
    data = digits.image_set()
    plan = replace(RectifiedFlow.plan, kimg=ddpm.BATCH * ddpm.STEPS / 1000, batch=ddpm.BATCH)
    models = {f"ours {p}": RectifiedFlow(CONFIG, data.spec) for p in ("auto", "fp32")}
    ours, theirs = (sum(p.numel() for p in net.parameters()) for net in (models["ours auto"], ddpm.diffusers_unet()))
    if abs(ours / theirs - 1) > ddpm.TOLERANCE:
        raise RuntimeError(f"parameters differ: ours {ours}, diffusers' {theirs}")
    with tempfile.TemporaryDirectory() as folder:
        digits.write_idx(folder)
        sides: dict[str, harness.Slice] = {
            name: harness.our_training(model, data, replace(plan, precision=name.split()[1]))
            for name, model in models.items()
        }
        sides |= {f"diffusers {p}": FlowExample(ddpm.diffusers_unet(), folder, p) for p in ("fp32", "bf16")}
        timings = harness.interleave(sides, rounds)
    auto = "ours, default precision (bf16 where supported)"
    pairs = [
        harness.Pair("ours auto", "diffusers fp32", f"{auto}; example as published (float32)", 1.5),
        harness.Pair("ours fp32", "diffusers fp32", "both in float32"),
        harness.Pair("ours auto", "diffusers bf16", f"{auto}; example with bf16 autocast"),
    ]
    return {
        "title": "Rectified flow training",
        "peer": "diffusers' UNet2DModel and scheduler in the loop of its examples",
        "setting": f"U-Nets with {ours / 1e6:.3f} M and {theirs / 1e6:.3f} M parameters (width {CONFIG.width}, "
        f"multipliers {CONFIG.multipliers}, attention at 8 x 8), 32 x 32 x 1, batches of {ddpm.BATCH}, averaged "
        "weights on both sides",
        "versions": harness.versions("diffusers", "torchvision"),
        **harness.summarise(timings, pairs),
    }


if __name__ == "__main__":
    harness.main(measure)
