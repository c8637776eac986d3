"""ControlNet: a finished diffusion model steered by an image. Lvmin Zhang, Anyi Rao, Maneesh Agrawala, 2023.

"Adding Conditional Control to Text-to-Image Diffusion Models", https://arxiv.org/abs/2302.05543. The parent `ddpm`
(DDPM or Improved DDPM) is frozen. A trainable copy of its way down and middle also sees the source image; its output is
added to the frozen network through convolutions that start at zero, so that training starts from the parent as it is.

    eq. 2          y_c = F(x; Theta) + Z(F(x + Z(c; Theta_z1); Theta_c); Theta_z2),
                   Z a 1 x 1 convolution that starts at zero
    section 3.2    the copy's outputs are added to the feature maps that cross over and to the middle's
    section 3.2    c = E(source): a small network of convolutions, trained with the copy
    eq. 5          E[||eps - eps_theta(x_t, t, c)||^2]

Deviations:
- The parent is a DDPM in pixels, where the paper's is Stable Diffusion; there is no text, so no prompts are left out.
- E has three 3 x 3 convolutions at the resolution of the parent's first layer (the paper's halves 512 px three times).
- Sampling is DDIM in `steps` steps; x_0 is clipped to [-1,1] as in the parent. As in the authors' code eta is 0 unless
  set otherwise: above 0 each step adds fresh noise, which takes the errors of the steps before with it.
- The plan is ours: the paper trains for 5 GPU-days at most, with AdamW at 1e-5 and batches of 32 to 256.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_unshuffle
from torch.optim import AdamW, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.diffusion.ddim import step, times
from paragone.models.layers.repeated import repeated
from paragone.models.layers.unet import UNet


class ControlNet(Model):
    """A frozen DDPM, and a trainable copy of half of it that reads the source image."""

    title = "ControlNet"
    paper = "Zhang et al., 2023"
    plan = Plan(kimg=3_000, batch=32)
    needs = frozenset({"image", "source"})
    needs_pairs = True
    capabilities = frozenset({"translate"})
    parents = frozenset({"ddpm"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        hint: int = 16  # channels of E's first layer
        steps: int = 50  # of the parent's T
        eta: float = 0.0  # of DDIM: 0 adds no noise, 1 as much as DDPM
        lr: float = 1e-5
        weight_decay: float = 0.01

    times: Tensor  # (steps,) int64, rising: the steps of the parent that sampling visits

    def __init__(self, cfg: Config, spec: Spec, *, ddpm: Any) -> None:
        super().__init__(ddpm=ddpm)
        self.cfg, self.shape = cfg, spec.shape
        if not isinstance(getattr(ddpm, "net", None), UNet) or not hasattr(ddpm, "process"):
            raise ValueError(
                f"ControlNet steers a DDPM with a U-Net, and its parent {ddpm.title} is none; name another"
            )
        if tuple(ddpm.shape) != tuple(spec.shape):
            raise ValueError(
                f"ControlNet's ddpm makes images {tuple(ddpm.shape)}, the data set has {tuple(spec.shape)}"
            )
        total = len(ddpm.process)
        if not 1 <= cfg.steps <= total:
            raise ValueError(f"ControlNet's steps is {cfg.steps}; it must be 1 to the {total} timesteps of its parent")
        self.branch = Branch(ddpm.net, spec.shape[0], cfg.hint)
        self.register_buffer("times", times(cfg.steps, total, "linear"))

    @property
    def ddpm(self) -> Any:
        return self.frozen["ddpm"]

    def optimizers(self) -> dict[str, Optimizer]:
        cfg = self.cfg
        return {"branch": AdamW(self.branch.parameters(), cfg.lr, weight_decay=cfg.weight_decay, fused=True)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x, process = batch["image"], self.ddpm.process
        t = torch.randint(len(process), (len(x),), device=x.device)
        eps = torch.randn_like(x)
        pred = self.network(process.diffuse(x, t, eps), process.times[t], batch["source"])
        yield Update("branch", process.loss(pred, x, t, eps))  # eq. 5

    def network(self, x_t: Tensor, time: Tensor, source: Tensor) -> Tensor:
        """What the parent's network predicts with the control added, in float32."""
        pred = self.ddpm.net(x_t, time, control=self.branch(x_t, time, source)).float()
        return pred[:, : self.ddpm.process.predictions * x_t.shape[1]]  # the parent may predict variances too

    @torch.no_grad()
    def translate(self, source: Tensor, cond: Tensor | None = None) -> Tensor:
        """Of each source image (B,C,H,W) in [-1,1] an image of its content, the same."""

        def guess(x_t: Tensor, t: Tensor) -> Tensor:
            return process.x0(self.network(x_t, process.times[t], source), x_t, t)

        process, eta, visited = self.ddpm.process, self.cfg.eta, self.times.tolist()
        predict = repeated(guess, len(visited))
        x = torch.randn(len(source), *self.shape, device=source.device)
        for now, then in zip(visited[::-1], [*visited[-2::-1], -1], strict=True):
            x, sigma = step(self.ddpm, x, now, then, eta, predict=predict)
            x = x + sigma * torch.randn_like(x) if eta and then >= 0 else x
        return x.clamp(-1, 1)


class Branch(nn.Module):
    """The trainable copy: x_t (B,C,H,W), time (B,), source (B,C,H,W) -> what to add to each feature map that crosses
    over, and, last, to the middle's output."""

    def __init__(self, net: UNet, c: int, hint: int) -> None:
        super().__init__()
        self.patch = net.patch
        self.hint = nn.Sequential(
            nn.Conv2d(c * net.patch**2, hint, 3, padding=1), nn.SiLU(),
            nn.Conv2d(hint, 2 * hint, 3, padding=1), nn.SiLU(),
            nn.Conv2d(2 * hint, 4 * hint, 3, padding=1), nn.SiLU(),
            _zero_convolution(4 * hint, net.crossing[0]),
        )  # fmt: skip
        self.net = _way_down(net)
        middle = net.crossing[-1]
        self.out = nn.ModuleList(_zero_convolution(c, c) for c in (*net.crossing, middle))

    def forward(self, x_t: Tensor, time: Tensor, source: Tensor) -> list[Tensor]:
        hint = self.hint(pixel_unshuffle(source, self.patch).contiguous(memory_format=torch.channels_last))
        h, skips = self.net.contract(x_t, self.net.embed(time), hint=hint)
        return [out(x) for out, x in zip(self.out, [*skips, h], strict=True)]


def _zero_convolution(c_in: int, c_out: int) -> nn.Conv2d:
    layer = nn.Conv2d(c_in, c_out, 1)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def _way_down(net: UNet) -> UNet:
    """A trainable copy of a U-Net without what comes after the middle."""
    up = sum(len(blocks) for blocks in net.up)  # type: ignore[arg-type, misc]
    copied = copy.deepcopy(net)
    for name in ("up", "upsample", "norm", "head"):
        delattr(copied, name)
    copied.splits = net.splits[: len(net.splits) - up]
    rows = sum(copied.splits)  # of the time's projection
    copied.project = nn.Linear(net.project.in_features, rows)
    copied.project.load_state_dict({k: v[:rows] for k, v in net.project.state_dict().items()})
    return copied.requires_grad_(True)
