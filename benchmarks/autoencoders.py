"""AAE and VAE-GAN: Paragone's loop against pythae's adversarial trainers, with the same networks and optimisers.

https://github.com/clementchadebec/benchmark_VAE: AdversarialTrainer for its Adversarial_AE (one optimiser for the
autoencoder, one for the discriminator of codes) and CoupledOptimizerAdversarialTrainer for its VAEGAN (encoder,
decoder, discriminator), over a BaseDataset of float images with a shuffling DataLoader, in float32. One slice is one
epoch of its `train_step`; its evaluation, checkpoints and logs between epochs are left out.

Each side uses its own losses. pythae adds up the adversarial and the reconstruction loss in one update of the
autoencoder; the AAE paper and Paragone have two updates. pythae's VAEGAN does not show the discriminator the
reconstructions; the paper and Paragone do, so they have twice as many fakes. Its margin may skip updates; it is set so
that this never happens.
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
from pythae.models.nn import BaseDecoder, BaseDiscriminator, BaseEncoder
from pythae.trainers import (
    AdversarialTrainer,
    AdversarialTrainerConfig,
    CoupledOptimizerAdversarialTrainer,
    CoupledOptimizerAdversarialTrainerConfig,
)
from torch import Tensor, nn

from paragone.models.vae.aae import AAE
from paragone.models.vae.vae_gan import VAEGAN

BATCH = 100
SIDES = {
    "aae, mlp": (AAE, AAE.Config(optimizer="adam", lr=1e-3, adversary_lr=1e-3), 5_000),  # images a slice
    "aae, conv": (AAE, AAE.Config(network="conv", optimizer="adam", lr=1e-3, adversary_lr=1e-3), 2_000),
    "vae-gan": (VAEGAN, VAEGAN.Config(width=8, z_dim=16, optimizer="adam"), 1_000),
}
WORDS = {
    "aae, mlp": "AAE, the paper's networks with two hidden layers",
    "aae, conv": "AAE, convolutional networks",
    "vae-gan": "VAE-GAN, the paper's networks at a quarter of the width",
}
GOAL = 1.3


class Encoder(BaseEncoder):
    """Our encoder behind pythae's interface: a code with the log variance that pythae expects."""

    def __init__(self, net: nn.Module, variance: bool) -> None:
        super().__init__()
        self.net, self.variance = net, variance

    def forward(self, x: Tensor) -> ModelOutput:
        code = self.net(x)
        if not self.variance:
            return ModelOutput(embedding=code, log_covariance=torch.full_like(code, -20.0))
        mean, logvar = code.chunk(2, dim=1)
        return ModelOutput(embedding=mean, log_covariance=logvar)


class Decoder(BaseDecoder):
    """Our decoder behind pythae's interface."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=torch.sigmoid(self.net(z)))


class Codes(BaseDiscriminator):
    """Our discriminator of codes behind pythae's interface, which asks for probabilities."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(embedding=torch.sigmoid(self.net(z)))


class Likeness(BaseDiscriminator):
    """Our discriminator of images behind pythae's interface: features in layer 1, probabilities in layer 2."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.depth = net, 2

    def forward(self, x: Tensor, output_layer_levels: list[int] | None = None) -> ModelOutput:
        features = self.net.features(x)
        output = ModelOutput()
        levels = output_layer_levels or [2]
        if 1 in levels:
            output["embedding_layer_1"] = features
        if 2 in levels:
            output["embedding"] = torch.sigmoid(self.net.judge(features))
        return output


def _pythae_aae(model: AAE) -> tuple[Any, type, Any]:
    config = pythae_models.Adversarial_AE_Config(input_dim=(1, 32, 32), latent_dim=model.cfg.z_dim)
    config.deterministic_posterior = True
    net = pythae_models.Adversarial_AE(
        config, Encoder(model.encoder, variance=False), Decoder(model.decoder), Codes(model.D)
    )
    rates = {"autoencoder_learning_rate": model.cfg.lr, "discriminator_learning_rate": model.cfg.adversary_lr}
    return net, AdversarialTrainer, (AdversarialTrainerConfig, rates)


def _pythae_vae_gan(model: VAEGAN) -> tuple[Any, type, Any]:
    config = pythae_models.VAEGANConfig(
        input_dim=(1, 32, 32), latent_dim=model.cfg.z_dim, reconstruction_layer=1, margin=100.0
    )
    net = pythae_models.VAEGAN(config, Encoder(model.encoder, variance=True), Decoder(model.decoder), Likeness(model.D))
    rates = {f"{part}_learning_rate": model.cfg.lr for part in ("encoder", "decoder", "discriminator")}
    return net, CoupledOptimizerAdversarialTrainer, (CoupledOptimizerAdversarialTrainerConfig, rates)


def pythae_training(model: AAE | VAEGAN, images: Tensor, folder: str) -> harness.Slice:
    """A slice is one epoch of the images (N,C,H,W) in [0,1]."""
    net, trainer_class, (settings, rates) = _pythae_aae(model) if isinstance(model, AAE) else _pythae_vae_gan(model)
    trainer = trainer_class(
        net,
        BaseDataset(images, torch.zeros(len(images))),
        training_config=settings(output_dir=folder, no_cuda=True, per_device_train_batch_size=BATCH, **rates),
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
        for name, (model, config, images) in SIDES.items():
            plan = replace(model.plan, kimg=images / 1000, batch=BATCH)
            for precision in ("auto", "fp32"):
                ours = model(config, data.spec)
                sides[f"{name}, {precision}"] = harness.our_training(ours, data, replace(plan, precision=precision))
            sides[f"{name}, pythae"] = pythae_training(model(config, data.spec), pixels[:images], folder)
        timings = harness.interleave(sides, rounds)
    precisions = {"auto": "ours, default precision (bf16 where supported)", "fp32": "ours in float32"}
    pairs = [
        harness.Pair(f"{n}, {p}", f"{n}, pythae", f"{WORDS[n]}; {about}", GOAL if p == "auto" else None)
        for n in WORDS
        for p, about in precisions.items()
    ]
    return {
        "title": "AAE and VAE-GAN training",
        "peer": "pythae's adversarial trainers",
        "setting": f"The same networks, 32 x 32 x 1, batches of {BATCH}, Adam. An AAE step is the paper's two phases "
        "in Paragone, with two passes through the encoder, and one joint update in pythae",
        "versions": harness.versions("pythae"),
        **harness.summarise(timings, pairs),
    }


if __name__ == "__main__":
    harness.main(measure)
