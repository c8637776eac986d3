"""Pix2Pix: image translation learned from pairs, by a conditional GAN and the distance from the partner.

Isola, Zhu, Zhou, Efros 2017, "Image-to-Image Translation with Conditional Adversarial Networks",
https://arxiv.org/abs/1611.07004. x is the source, y its partner, z the noise of the generator's dropout:

    eq. 1          L_cGAN(G, D) = E[log D(x, y)] + E[log(1 - D(x, G(x, z)))]
    eq. 3          L_L1(G) = E[||y - G(x, z)||_1]
    eq. 4          G* = arg min_G max_D L_cGAN(G, D) + lambda L_L1(G), lambda = 100
    section 3.3    D descends -L_cGAN / 2; G ascends log D(x, G(x, z)) in place of eq. 1's last term

G is a U-Net (section 3.2.1, appendix 6.1.1) that halves the image down to 1 x 1 by 4 x 4 convolutions and passes each
resolution on to the way up; D is a PatchGAN on x and y side by side (section 3.2.2). At test time, as in training,
dropout is on and batch normalisation uses the statistics of the batch at hand (section 3.3): so a translation depends
on the images that it is drawn with, and at batches of 1 this is instance normalisation. Adam at 0.0002, weights from
N(0, 0.02).

Deviations:
- The paper's images have 256 px, eight halvings; smaller ones have fewer, and as in the authors' code
  (https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix) as many fewer layers with dropout: three at 256 px, one at
  64 px and below.
- No normalisation at the bottleneck (the authors' later correction: of 1 x 1 maps of one image it leaves nothing).
- Images are not jittered (resized and cropped) or mirrored.
- The generator is scored after the discriminator's update, with the same translations.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import functional
from paragone.models.layers.dcgan import init_weights
from paragone.models.layers.patch import PatchDiscriminator, make_norm


class Pix2Pix(Model):
    """A U-Net that translates and a discriminator of patches, squares of a power of two from 16 px up."""

    title = "Pix2Pix"
    paper = "Isola et al., 2017"
    plan = Plan(kimg=80, batch=1)  # 400 images, 200 epochs (facades)
    generator = "generator"
    needs = frozenset({"image", "source"})
    needs_pairs = True
    capabilities = frozenset({"translate"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        width: int = 64  # channels at half the size
        strided: int = 3  # layers of stride 2 in the discriminator; 3: patches of 70 px
        l1: float = 100.0  # lambda
        dropout: float = 0.5
        lr: float = 2e-4
        beta1: float = 0.5

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg = cfg
        c, h, w = spec.shape
        self.G = UNet(spec.shape, cfg.width, cfg.dropout)
        self.D = PatchDiscriminator(2 * c, (h, w), cfg.width, cfg.strided, "batch")
        self.apply(init_weights)

    def optimizers(self) -> dict[str, Optimizer]:
        nets, betas = {"discriminator": self.D, "generator": self.G}, (self.cfg.beta1, 0.999)
        return {name: Adam(net.parameters(), self.cfg.lr, betas, fused=True) for name, net in nets.items()}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x, y = batch["source"], batch["image"]  # (B,C,H,W)
        fake = self.translate(x)
        real_score, fake_score = self._score(x, y), self._score(x, fake.detach())
        yield Update("discriminator", functional.logistic_discriminator_loss(real_score, fake_score) / 2, drawn=len(x))
        game = functional.nonsaturating_generator_loss(self._score(x, fake))
        l1 = (y - fake).abs().mean()  # eq. 3, per pixel, as in the authors' code
        yield Update("generator", game + self.cfg.l1 * l1, {"l1": l1, "game": game})  # eq. 4

    def translate(self, source: Tensor, cond: Tensor | None = None) -> Tensor:
        """G(x, z): (B,C,H,W) in [-1,1] -> the same, with dropout as z."""
        return torch.tanh(self.G(source).float())

    def _score(self, x: Tensor, y: Tensor) -> Tensor:
        """Logits of D(x, y), (B,1,h,w)."""
        return self.D(torch.cat([x, y], 1)).float()


class UNet(nn.Module):
    """Sources (B,C,H,W) to images (B,C,H,W) before the tanh. Dropout is always on: it is the noise.

    Raises ValueError if H and W are not one power of two from 16 up.
    """

    def __init__(self, shape: tuple[int, int, int], width: int, rate: float) -> None:
        super().__init__()
        c, h, w = shape
        if h != w or h < 16 or h & (h - 1):
            raise ValueError(
                f"Pix2Pix halves images down to 1 x 1, so their sides are one power of two from 16 up; these are {h} x "
                f"{w}: set the data set's resolution to one"
            )
        halvings = h.bit_length() - 1
        self.rate, self.noisy = rate, min(3, max(1, halvings - 5))  # layers with dropout
        channels = [width * min(2**i, 8) for i in range(halvings)]  # at H/2, H/4, ..., 1
        self.down = nn.ModuleList([nn.Conv2d(c, width, 4, stride=2, padding=1)])
        for i, (c_in, c_out) in enumerate(pairwise(channels), 2):
            inner = i == halvings
            norm = [] if inner else [make_norm(c_out, "batch")]
            conv = nn.Conv2d(c_in, c_out, 4, stride=2, padding=1, bias=inner)
            self.down.append(nn.Sequential(nn.LeakyReLU(0.2), conv, *norm))
        self.up = nn.ModuleList()
        for i, c_out in enumerate(reversed(channels[:-1])):
            c_in = channels[-1] if i == 0 else 2 * channels[-1 - i]
            doubled = nn.ConvTranspose2d(c_in, c_out, 4, stride=2, padding=1, bias=False)
            self.up.append(nn.Sequential(nn.ReLU(), doubled, make_norm(c_out, "batch")))
        self.out = nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(2 * width, c, 4, stride=2, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for layer in self.down:
            x = layer(x)
            skips.append(x)
        skips.pop()  # the bottleneck goes on itself
        for i, layer in enumerate(self.up):
            x = layer(x)
            if i < self.noisy:
                x = dropout(x, self.rate, training=True)
            x = torch.cat([x, skips.pop()], 1)
        image: Tensor = self.out(x)
        return image
