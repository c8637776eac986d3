"""CycleGAN: image translation learned from two collections without pairs, by going there and back.

Zhu, Park, Isola, Efros 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks",
https://arxiv.org/abs/1703.10593. x is a source, y an image of the other collection; G translates x, F goes back:

    section 4      D_Y descends (E[(D_Y(y) - 1)^2] + E[D_Y(G(x))^2]) / 2, and D_X likewise with F(y)
    section 4      G descends E[(D_Y(G(x)) - 1)^2], F likewise: least squares in place of eq. 1's logarithms
    eq. 2          L_cyc(G, F) = E[||F(G(x)) - x||_1] + E[||G(F(y)) - y||_1]
    eq. 3          L = L_GAN(G, D_Y) + L_GAN(F, D_X) + lambda L_cyc, lambda = 10
    section 5.2    L_identity(G, F) = E[||G(y) - y||_1] + E[||F(x) - x||_1], with the weight 0.5 lambda

The discriminators see, with probability 1/2 each, one of the last translations in place of a new one, from a pool of
50 (section 4). Generators (appendix 7.2): c7s1-64, d128, d256, residual blocks, u128, u64, c7s1, with reflection
padding and instance normalisation; discriminators: PatchGANs of 70 x 70 px. Adam at 0.0002, batches of 1, weights from
N(0, 0.02); the learning rate is constant for the first half of the training and falls linearly to 0 over the second.

Deviations:
- The identity term is on by default, as in the authors' code
  (https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix); the paper uses it for paintings. `identity: 0`: without.
- Nine residual blocks, which the paper has from 256 px up; six at 128 px (`blocks`).
- `norm: batch`, an option of the authors' code, by the statistics of the batch at hand in use too. Instance
  normalisation takes the mean and the scale of each channel of each image: of scenes of few flat colours, the hue.
- Images are not resized and cropped or mirrored at random.
- Where several processes train, each has a pool of its own; a checkpoint holds the first one's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers.dcgan import init_weights
from paragone.models.layers.patch import Norm, PatchDiscriminator, make_norm

Translate = Callable[[Tensor], Tensor]


class CycleGAN(Model):
    """Two generators, there and back, and a discriminator for each collection; sides divide by 4."""

    title = "CycleGAN"
    paper = "Zhu et al., 2017"
    plan = Plan(kimg=267, batch=1, decay="constant-linear")  # 1,334 images, 200 epochs (horse2zebra)
    generator = "generators"
    needs = frozenset({"image", "source"})
    capabilities = frozenset({"translate", "translate_back"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        width: int = 64  # channels at full size
        blocks: int = 9
        strided: int = 3  # layers of stride 2 in the discriminators; 3: patches of 70 px
        cycle: float = 10.0  # lambda
        identity: float = 0.5  # of lambda
        norm: Norm = "instance"  # of both kinds of networks
        pool: int = 50  # translations that each pool holds
        lr: float = 2e-4
        beta1: float = 0.5

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg = cfg
        c, h, w = spec.shape
        if h % 4 or w % 4 or min(h, w) < 16:
            raise ValueError(
                f"CycleGAN halves images twice, so their sides divide by 4, from 16 px up; these are {h} x {w}: set "
                "the data set's resolution to such a size"
            )
        self.G, self.F = (ResidualGenerator(c, cfg.width, cfg.blocks, cfg.norm) for _ in range(2))
        self.D_Y, self.D_X = (PatchDiscriminator(c, (h, w), cfg.width, cfg.strided, cfg.norm) for _ in range(2))
        self.pool_Y, self.pool_X = (Pool(cfg.pool, spec.shape) for _ in range(2))
        self.apply(init_weights)

    def optimizers(self) -> dict[str, Optimizer]:
        betas = (self.cfg.beta1, 0.999)
        pairs = {"generators": (self.G, self.F), "discriminators": (self.D_X, self.D_Y)}
        return {
            name: Adam([p for net in nets for p in net.parameters()], self.cfg.lr, betas, fused=True)
            for name, nets in pairs.items()
        }

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x, y, cfg = batch["source"], batch["image"], self.cfg  # (B,C,H,W)
        (fake_y, same_y), (fake_x, same_x) = self._generated(self.translate, x, y), self._generated(self._back, y, x)
        game = (self.D_Y(fake_y).float() - 1).square().mean() + (self.D_X(fake_x).float() - 1).square().mean()
        cycle = (self._back(fake_y) - x).abs().mean() + (self.translate(fake_x) - y).abs().mean()  # eq. 2
        loss, logs = game + cfg.cycle * cycle, {"game": game, "cycle": cycle}  # eq. 3
        if cfg.identity:
            same = (same_y - y).abs().mean() + (same_x - x).abs().mean()
            loss, logs = loss + cfg.identity * cfg.cycle * same, {**logs, "identity": same}
        yield Update("generators", loss, logs, drawn=2 * len(x))
        old_y, old_x = self.pool_Y(fake_y.detach()), self.pool_X(fake_x.detach())
        yield Update("discriminators", self._half_squares(self.D_Y, y, old_y) + self._half_squares(self.D_X, x, old_x))

    def translate(self, source: Tensor, cond: Tensor | None = None) -> Tensor:
        """G(x): (B,C,H,W) in [-1,1] -> the same."""
        return torch.tanh(self.G(source).float())

    def translate_back(self, x: Tensor, source: Tensor) -> Tensor:
        """F(x): translations (B,C,H,W) in [-1,1] -> the same; the sources are not looked at."""
        return self._back(x)

    def _back(self, y: Tensor) -> Tensor:
        """F(y): (B,C,H,W) in [-1,1] -> the same."""
        return torch.tanh(self.F(y).float())

    def _generated(self, generator: Translate, other: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """A generator's translation of the other collection, and what it makes of its own if the identity term asks."""
        return self._both(generator, other, own) if self.cfg.identity else (generator(other), own)

    def _half_squares(self, D: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        real_score, fake_score = self._both(D, real, fake)
        return ((real_score.float() - 1).square().mean() + fake_score.float().square().mean()) / 2

    def _both(self, net: Translate, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """net of a and of b: in one pass where it treats images apart, as it does without statistics of the batch."""
        if self.cfg.norm == "batch":
            return net(a), net(b)
        made_a, made_b = net(torch.cat([a, b])).chunk(2)
        return made_a, made_b


class ResidualGenerator(nn.Module):
    """Images (B,C,H,W) to images before the tanh: two halvings, residual blocks, two doublings (appendix 7.2)."""

    def __init__(self, channels: int, width: int, blocks: int, norm: Norm) -> None:
        super().__init__()
        layers = [nn.ReflectionPad2d(3), nn.Conv2d(channels, width, 7, bias=False), *_act(width, norm)]
        for c in (width, 2 * width):
            layers += [nn.Conv2d(c, 2 * c, 3, stride=2, padding=1, bias=False), *_act(2 * c, norm)]
        layers += [Residual(4 * width, norm) for _ in range(blocks)]
        for c in (2 * width, width):
            up = nn.ConvTranspose2d(2 * c, c, 3, stride=2, padding=1, output_padding=1, bias=False)
            layers += [up, *_act(c, norm)]
        self.layers = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, channels, 7))

    def forward(self, x: Tensor) -> Tensor:
        image: Tensor = self.layers(x)
        return image


class Residual(nn.Module):
    """x plus two 3 x 3 convolutions of it, (B,c,h,w)."""

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        convs = [[nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=False)] for _ in range(2)]
        self.layers = nn.Sequential(*convs[0], *_act(channels, norm), *convs[1], make_norm(channels, norm))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def _act(channels: int, norm: Norm) -> list[nn.Module]:
    return [make_norm(channels, norm), nn.ReLU()]


class Pool(nn.Module):
    """The last translations, as a buffer, so that a resumed training meets the same ones (Shrivastava et al. 2017)."""

    images: Tensor
    count: Tensor

    def __init__(self, size: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.register_buffer("images", torch.zeros(size, *shape))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def forward(self, fresh: Tensor) -> Tensor:
        """Fresh images (B,C,H,W) in, as many out. Until the pool is full it keeps and returns each; then it returns,
        with probability 1/2, one that it held and keeps the fresh one in its place."""
        n, size = len(fresh), len(self.images)
        swap = torch.rand(n, device=fresh.device) < 0.5
        place = torch.randint(max(1, size), (n,), device=fresh.device)
        if not size:
            return fresh.clone()
        shown = []
        for i in range(n):  # a later image may meet an earlier one of its batch
            full = self.count >= size
            at = torch.where(full, place[i], self.count)[None]
            held = self.images.index_select(0, at)
            shown.append(torch.where(full & swap[i], held, fresh[i]))
            self.images.index_copy_(0, at, torch.where(full & ~swap[i], held, fresh[i]))
            self.count += ~full
        return torch.cat(shown)
