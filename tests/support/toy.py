"""A small model for tests of the training loop."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update


class Toy(Model):
    """Two small networks, one of them stepped twice a step, and a buffer that counts what happened after a yield."""

    title, paper, plan = "Toy", "none", Plan(kimg=1)

    @dataclass(frozen=True, kw_only=True)
    class Config:
        explode_at: int = -1

    def __init__(self, cfg: Config, spec: Spec, **parents: Model) -> None:
        super().__init__(**parents)
        self.cfg = cfg
        c = spec.shape[0]
        self.encoder = nn.Sequential(nn.Conv2d(c, 4, 4, 4), nn.BatchNorm2d(4), nn.SiLU())
        self.decoder = nn.ConvTranspose2d(4, c, 4, 4)
        self.register_buffer("stepped", torch.zeros(()))

    def optimizers(self) -> dict[str, Optimizer]:
        nets = {"encoder": self.encoder, "decoder": self.decoder}
        return {k: Adam(net.parameters(), 1e-3, fused=True) for k, net in nets.items()}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x = batch["image"]
        for _ in range(2):
            before = self.decoder.weight.detach().clone()
            yield Update("decoder", mse_loss(self.decoder(self._code(x)).float(), x))
            assert not torch.equal(before, self.decoder.weight)  # the step was taken before the generator went on
            self.stepped += 1
        scale = float("nan") if progress.step == self.cfg.explode_at else 1.0
        yield Update(
            "encoder", scale * mse_loss(self.decoder(self._code(x)).float(), x), {"seen": self.stepped.clone()}
        )

    def _code(self, x: Tensor) -> Tensor:
        code = self.encoder(x)
        return code + 0.1 * torch.randn_like(code)

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        return self.decoder(torch.randn(n, 4, 8, 8)).tanh()


PLAN = Plan(kimg=6.4, batch=32, ema_kimg=1.0)


def bits(model: Model) -> dict[str, bytes]:
    return {k: v.contiguous().view(-1).numpy().tobytes() for k, v in model.state_dict().items()}
