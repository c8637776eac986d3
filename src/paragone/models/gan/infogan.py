"""InfoGAN: codes that keep their mutual information with the image take on a meaning.

Chen, Duan, Houthooft, Schulman, Sutskever, Abbeel 2016, https://arxiv.org/abs/1606.03657. No labels are used.

    eq. 5    L_I(G,Q) = E[log Q(c|x)] + H(c), x = G(z,c), a lower bound of the mutual information I(c; G(z,c))
    eq. 6    min_{G,Q} max_D  V(D,G) - lambda L_I(G,Q)

Networks and hyper-parameters are those of appendix C.1 (MNIST): a categorical code, continuous codes uniform in [-1,1],
noise; Q shares all but its last two layers with D; its continuous codes are Gaussian, mean and standard deviation given
by the network. As in the authors' code, https://github.com/openai/InfoGAN, L_I is part of both updates, Q's own layers
learn with D's, and the plan is 5,000 updates. The generator's loss is the non-saturating one of Goodfellow et al. 2014.
Batch normalisation policy: real and generated images apart; samples are drawn with the running statistics.

Deviations:
- Images of the appendix have 28 px; here the two halvings end at H/4 x W/4 whatever the size.
- lambda of the continuous codes: the paper says smaller than the categorical's 1 and gives no value; here 0.1.
- The generator is updated on the same noise and codes as the discriminator (the authors' code draws new ones).
- Images are in [-1,1] by tanh, not in [0,1] by a sigmoid.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, leaky_relu, one_hot
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import functional
from paragone.models.layers.dcgan import init_weights


class Generator(nn.Module):
    """z (B,z_dim) -> (B,C,H,W) before the tanh; `width` channels at H/2 x W/2. H and W are multiples of 4."""

    def __init__(self, z_dim: int, shape: tuple[int, int, int], width: int, hidden: int) -> None:
        super().__init__()
        self.size = (shape[1] // 4, shape[2] // 4)
        top = 2 * width * self.size[0] * self.size[1]
        self.project = nn.Sequential(
            *(nn.Linear(z_dim, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True)),
            *(nn.Linear(hidden, top, bias=False), nn.BatchNorm1d(top), nn.ReLU(inplace=True)),
        )
        self.up = nn.Sequential(
            *(nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)),
            nn.ConvTranspose2d(width, shape[0], 4, 2, 1),
        )

    def forward(self, z: Tensor) -> Tensor:
        h = self.project(z).unflatten(1, (*self.size, -1)).permute(0, 3, 1, 2)  # channels-last as the rest
        return self.up(h)


class Discriminator(nn.Module):
    """x (B,C,H,W) -> logits (B,1), and Q's outputs (B,codes). Raises ValueError if H or W is no multiple of 4."""

    def __init__(self, shape: tuple[int, int, int], width: int, hidden: int, q_hidden: int, codes: int) -> None:
        super().__init__()
        c, h, w = shape
        if h % 4 or w % 4 or h < 8 or w < 8:
            raise ValueError(
                f"images of {h} x {w} pixels cannot be halved twice; set the data set's resolution to a multiple of 4 "
                "from 8 up"
            )
        self.conv1 = nn.Conv2d(c, width, 4, 2, 1)
        self.conv2, self.norm2 = nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * width)
        self.full, self.norm3 = nn.Linear(2 * width * h * w // 16, hidden, bias=False), nn.BatchNorm1d(hidden)
        self.d = nn.Linear(hidden, 1)
        self.q1, self.q_norm = nn.Linear(hidden, q_hidden, bias=False), nn.BatchNorm1d(q_hidden)
        self.q2 = nn.Linear(q_hidden, codes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = leaky_relu(self.conv1(x), 0.1)
        h = leaky_relu(self.norm2(self.conv2(h)), 0.1)
        h = leaky_relu(self.norm3(self.full(h.flatten(1))), 0.1)
        return self.d(h), self.q2(leaky_relu(self.q_norm(self.q1(h)), 0.1))


class InfoGAN(Model):
    """A GAN with one categorical and several continuous codes that the image tells again."""

    title = "InfoGAN"
    paper = "Chen et al., 2016"
    plan = Plan(kimg=640, batch=128)
    generator = "generator"
    capabilities = frozenset({"cluster", "decode", "latents", "traversals"})
    latent_prior = "uniform"

    @dataclass(frozen=True, kw_only=True)
    class Config:
        noise: int = 62  # z
        categories: int = 10  # of c_1
        continuous: int = 2  # c_2, c_3, ...
        categorical_lambda: float = 1.0
        continuous_lambda: float = 0.1
        width: int = 64  # channels next to the image
        hidden: int = 1024  # units of the fully connected layers
        q_hidden: int = 128  # and of Q's own
        lr: float = 2e-4  # of D and Q
        generator_lr: float = 1e-3
        beta1: float = 0.5
        beta2: float = 0.999

        def __post_init__(self) -> None:
            least = {"noise": 0, "categories": 2, "continuous": 0, "width": 1, "hidden": 1, "q_hidden": 1}
            for name, low in least.items():
                if getattr(self, name) < low:
                    raise ValueError(f"{name} is {getattr(self, name)}; it must be at least {low}")

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg = cfg
        self.D = Discriminator(spec.shape, cfg.width, cfg.hidden, cfg.q_hidden, cfg.categories + 2 * cfg.continuous)
        self.G = Generator(cfg.noise + cfg.categories + cfg.continuous, spec.shape, cfg.width, cfg.hidden)
        self.apply(init_weights)

    def optimizers(self) -> dict[str, Optimizer]:
        cfg, betas = self.cfg, (self.cfg.beta1, self.cfg.beta2)
        return {
            "discriminator": Adam(self.D.parameters(), cfg.lr, betas, fused=True),
            "generator": Adam(self.G.parameters(), cfg.generator_lr, betas, fused=True),
        }

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x, cfg = batch["image"], self.cfg  # (B,C,H,W)
        z = self.latents(len(x))
        fake = self.decode(z)
        fake_score, q = self.D(fake.detach())
        categorical, continuous = self._information(q, z)
        information = cfg.categorical_lambda * categorical + cfg.continuous_lambda * continuous  # eq. 6
        loss = functional.logistic_discriminator_loss(self.D(x)[0], fake_score) - information
        logs = {"information/categorical": categorical.detach(), "information/continuous": continuous.detach()}
        yield Update("discriminator", loss, logs, drawn=len(x))
        fake_score, q = self.D(fake)
        categorical, continuous = self._information(q, z)
        information = cfg.categorical_lambda * categorical + cfg.continuous_lambda * continuous
        yield Update("generator", functional.nonsaturating_generator_loss(fake_score) - information)

    def _information(self, q: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """L_I (eq. 5) of the categorical code, at most log `categories`, and of the continuous ones, in nats."""
        cfg = self.cfg
        _, c, c_continuous = z.split([cfg.noise, cfg.categories, cfg.continuous], 1)
        logits, mean, log_std = q.float().split([cfg.categories, cfg.continuous, cfg.continuous], 1)
        categorical = math.log(cfg.categories) - cross_entropy(logits, c)  # H(c) of a uniform choice
        likelihood = functional.gaussian_log_likelihood(c_continuous, mean, log_std).mean()
        return categorical, cfg.continuous * math.log(2) + likelihood  # H(c) = log 2 on [-1,1]

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """G(z,c), noise and codes drawn."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Tensor:
        """(n,noise + categories + continuous): z uniform in [-1,1], c_1 one-hot, c_2, ... uniform in [-1,1]."""
        cfg, device = self.cfg, next(self.G.parameters()).device
        z = 2 * torch.rand(n, cfg.noise + cfg.continuous, device=device) - 1
        c = one_hot(torch.randint(cfg.categories, (n,), device=device), cfg.categories).float()
        return torch.cat([z[:, : cfg.noise], c, z[:, cfg.noise :]], 1)

    def decode(self, z: Tensor) -> Tensor:
        """G(z,c): (B,noise + categories + continuous) -> (B,C,H,W) in [-1,1]."""
        return torch.tanh(self.G(z).float())

    def traversals(self, z: Tensor, steps: int) -> Tensor:
        """Of z (z_dim,), one row per code (1 + continuous,steps,z_dim): the categories in order, then each continuous
        code from -2 to 2, as in figure 2."""
        cfg = self.cfg
        rows = z.expand(1 + cfg.continuous, steps, -1).clone()
        shown = torch.arange(steps, device=z.device) * cfg.categories // steps
        rows[0, :, cfg.noise : cfg.noise + cfg.categories] = one_hot(shown, cfg.categories).float()
        for i in range(cfg.continuous):
            rows[1 + i, :, cfg.noise + cfg.categories + i] = torch.linspace(-2, 2, steps, device=z.device)
        return rows

    def cluster(self, x: Tensor) -> Tensor:
        """The category that Q gives images (B,C,H,W): (B,)."""
        return self.D(x)[1][:, : self.cfg.categories].argmax(1)
