"""VAE: Paragone's loop against the trainer of pythae, with the same networks, likelihood and optimiser.

https://github.com/clementchadebec/benchmark_VAE: BaseTrainer over a BaseDataset of float images, with a shuffling
DataLoader, in float32. One slice is one epoch of its `train_step`; its evaluation, checkpoints and logs between epochs
are left out.
"""

import logging
import tempfile
from dataclasses import replace
from typing import Any

import digits
import harness
import torch
from pythae import models as pythae_models
from pythae.data.datasets import BaseDataset
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from torch import Tensor

from paragone.models.base import Plan
from paragone.models.vae.vae import VAE

SIDES = {
    "mlp": (VAE.Config(), 20_000),  # the paper's network; images a slice
    "conv": (VAE.Config(network="conv", optimizer="adam", lr=1e-3), 5_000),
}
BATCH = VAE.plan.batch


class Encoder(BaseEncoder):
    """Our encoder behind pythae's interface."""

    def __init__(self, model: VAE) -> None:
        super().__init__()
        self.net = model.encoder

    def forward(self, x: Tensor) -> ModelOutput:
        mean, logvar = self.net(x).chunk(2, dim=1)
        return ModelOutput(embedding=mean, log_covariance=logvar)


class Decoder(BaseDecoder):
    """Our decoder behind pythae's interface, which computes the log likelihood from probabilities."""

    def __init__(self, model: VAE) -> None:
        super().__init__()
        self.net = model.decoder

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=torch.sigmoid(self.net(z)))


def pythae_training(model: VAE, images: Tensor, folder: str) -> harness.Slice:
    """A slice is one epoch of the images (N,C,H,W) in [0,1]."""
    config = pythae_models.VAEConfig(
        input_dim=tuple(images.shape[1:]), latent_dim=model.cfg.z_dim, reconstruction_loss="bce"
    )
    trainer = BaseTrainer(
        pythae_models.VAE(config, Encoder(model), Decoder(model)),
        BaseDataset(images, torch.zeros(len(images))),
        training_config=BaseTrainerConfig(
            output_dir=folder,
            no_cuda=True,
            per_device_train_batch_size=BATCH,
            learning_rate=model.cfg.lr,
            optimizer_cls={"adam": "Adam", "adagrad": "Adagrad"}[model.cfg.optimizer],
        ),
    )
    trainer.prepare_training()

    def work() -> int:
        trainer.train_step(epoch=1)
        return len(images)

    return work


def measure(rounds: int) -> dict[str, Any]:
    logging.disable(logging.WARNING)  # silence pythae's log
    data = digits.image_set()
    pixels = data.images.permute(0, 3, 1, 2).float() / 255
    sides: dict[str, harness.Slice] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (config, images) in SIDES.items():
            plan: Plan = replace(VAE.plan, kimg=images / 1000)
            for precision in ("auto", "fp32"):
                model = VAE(config, data.spec)
                sides[f"{name}, {precision}"] = harness.our_training(model, data, replace(plan, precision=precision))
            sides[f"{name}, pythae"] = pythae_training(VAE(config, data.spec), pixels[:images], folder)
        timings = harness.interleave(sides, rounds)
    words = {"mlp": "the paper's networks with one hidden layer", "conv": "convolutional networks"}
    precisions = {"auto": "ours, default precision (bf16 where supported)", "fp32": "ours in float32"}
    pairs = [
        harness.Pair(f"{n}, {p}", f"{n}, pythae", f"{words[n]}; {precisions[p]}", 1.5 if p == "auto" else None)
        for n in words
        for p in precisions
    ]
    return {
        "title": "VAE training",
        "peer": "pythae's BaseTrainer",
        "setting": f"The same networks, 32 x 32 x 1, batches of {BATCH}, Bernoulli likelihood, "
        "Adagrad (one hidden layer) or Adam (convolutional)",
        "versions": harness.versions("pythae"),
        **harness.summarise(timings, pairs),
    }


if __name__ == "__main__":
    harness.main(measure)
