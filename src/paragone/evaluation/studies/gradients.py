"""Vanishing and exploding gradients: a generator's under five losses, and a VAE's by its depth.

Losses. Arjovsky and Bottou 2017, https://arxiv.org/abs/1701.04862, section 2 and figure 2: a generator is held fixed
and a discriminator trained from scratch, while the gradient that the generator would get is measured on fixed latents.
Under the minimax loss it vanishes as the discriminator gets better (theorem 2.4), under the non-saturating one it grows
and swings (theorem 2.6). Here for both of these, least squares, and the Wasserstein losses with clipping and with the
gradient penalty, against two generators: a finished DCGAN's of the profile, which a short training tells from the data
with errors, and the same before its training, which it tells with none: there a GAN starts (Goodfellow et al. 2014,
section 3). The discriminator is DCGAN's of the same width and kernel. The data, the noise and the optimiser (that row's
Adam) are the same for all, so the loss alone differs, but for what belongs to it: under the penalty the discriminator
has no batch normalisation and starts from PyTorch's default weights, as WGAN-GP's does. Batch normalisation uses the
batch's own statistics throughout, as in training; everything is in float32. `auc` is the share of pairs of a real test
image and a generated one that the discriminator orders rightly.

Depth. The VAE of Kingma and Welling 2013 with 1 to 16 hidden layers in the encoder and as many in the decoder: the norm
of the loss's gradient by each layer's weights, before and after a short training by `paragone.engine.loop.fit`, and the
bound, its KL divergence and the error of reconstructions on test images afterwards. `train_bound` is the mean of the
bound on training images over the last tenth of the training, and `gain` what it is above that of the tenth that ends
with the third quarter: little, where the training has settled. The bound is the paper's Bernoulli
one, a score of grey levels that compares among these networks alone. Deviation: Adam in place of Adagrad.
"""

import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from scipy import stats
from torch import Tensor, nn
from torch.optim import Adam

from paragone.data import base as datasets
from paragone.data.base import ImageSet
from paragone.engine import checkpoint, hardware
from paragone.engine.batches import Order, draw
from paragone.engine.loop import fit
from paragone.engine.seeding import Stream, seed_all
from paragone.evaluation.studies.base import Work, track
from paragone.models.base import Plan, Progress
from paragone.models.gan.dcgan import DCGAN
from paragone.models.layers import functional, mlp
from paragone.models.layers.dcgan import Discriminator, init_weights
from paragone.models.vae.vae import VAE
from paragone.project import paths

Network = Literal["tanh", "glorot", "relu"]
IMAGE = frozenset({"image"})


@dataclass(frozen=True, kw_only=True)
class Options:
    row: str = "dcgan"  # of DCGAN: whose generators are held fixed, before and after their training
    datasets: tuple[str, ...] = ()  # all that the row runs on if none are named
    steps: int = 200  # of each discriminator
    every: int = 10  # steps between two measurements
    batch: int = 32
    clip: float = 0.01  # c of WGAN's paper
    penalty: float = 10.0  # lambda of WGAN-GP's paper
    probe: int = 64  # images and latents that gradients are measured on
    networks: tuple[Network, ...] = ("tanh", "glorot", "relu")
    depths: tuple[int, ...] = (1, 2, 4, 8, 16)  # hidden layers of the encoder, and of the decoder
    hidden: int = 128  # units a layer
    z_dim: int = 20
    vae_kimg: float = 30.0
    vae_batch: int = 32  # smaller than the paper's 100, with a higher rate: more, longer steps
    vae_lr: float = 2e-3
    tested: int = 2000  # test images, at most, that a VAE's bound is the mean over

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, int | float) and value <= 0:
                raise ValueError(f"{name} is {value}; it must be above 0")
        if self.steps < 20 * self.every:
            raise ValueError(f"steps is {self.steps}; 20 measurements, one every {self.every}, need {20 * self.every}")
        if len(self.depths) < 2 or min(self.depths) < 1 or list(self.depths) != sorted(set(self.depths)):
            raise ValueError(f"depths is {list(self.depths)}; it must be two or more rising numbers from 1 up")


class Game(NamedTuple):
    """A discriminator's loss, and the losses of the generators that could stand against it."""

    discriminator: Callable[[Tensor, Tensor], Tensor]  # D(x), D(G(z)), each (B,1) -> 0-d
    generators: Mapping[str, Callable[[Tensor], Tensor]]  # D(G(z)) (B,1) -> 0-d
    clipped: bool = False
    penalised: bool = False


def _difference(real: Tensor, fake: Tensor) -> Tensor:
    """E[D(G(z))] - E[D(x)]: minus the Wasserstein distance that the critic finds."""
    return fake.mean() - real.mean()


def _negative(fake: Tensor) -> Tensor:
    return -fake.mean()


GAMES = (
    Game(
        functional.logistic_discriminator_loss,
        {
            "minimax": functional.minimax_generator_loss,
            "non_saturating": functional.nonsaturating_generator_loss,
        },
    ),
    Game(
        lambda real, fake: (real - 1).square().mean() / 2 + fake.square().mean() / 2,  # Mao et al. 2017, eq. 9
        {"least_squares": lambda fake: (fake - 1).square().mean() / 2},
    ),
    Game(_difference, {"clipping": _negative}, clipped=True),
    Game(_difference, {"penalty": _negative}, penalised=True),
)
UNITS: Mapping[Network, tuple[type[nn.Module], Callable[[Tensor], Tensor]]] = {
    "tanh": (nn.Tanh, partial(nn.init.normal_, std=0.01)),  # Kingma and Welling, section 5
    "glorot": (nn.Tanh, nn.init.xavier_uniform_),  # Glorot and Bengio 2010, eq. 16
    "relu": (nn.ReLU, partial(nn.init.kaiming_normal_, nonlinearity="relu")),  # He et al. 2015, eq. 10
}


def depends(work: Work) -> list[Path]:
    """The data, and the generators."""
    of_data = [paths.prepared(dataset) for dataset in _datasets(work)]
    return [*of_data, *(run.weights for run in work.runs(work.options.row) if run.dataset in _datasets(work))]


def measure(work: Work) -> dict[str, Any]:
    """{protocol, datasets: {data set: {"losses": {generator: {loss: [{seed, step: [], norm: [], auc: []}]}},
    "depth": {network: [{seed, depth, outcome, before: [], after: [], bound, kl, mse, train_bound, gain}]},
    "left_out": {seed: why}}}}.

    generator: "untrained" or "trained". before, after: gradient norms of the layers' weights, from the encoder's first
    to the decoder's last.
    """
    options, device = work.options, hardware.device()
    found: dict[str, Any] = {}
    for dataset in _datasets(work):
        train, test = (datasets.load(work.root / paths.prepared(dataset), split) for split in ("train", "test"))
        losses, left_out = _losses(work, dataset, train, test, device)
        depths: dict[str, list[dict[str, Any]]] = {network: [] for network in options.networks}
        trained = [
            (network, depth, seed) for network in options.networks for depth in options.depths for seed in work.seeds
        ]
        for network, depth, seed in track(trained, "gradients by depth", "VAEs"):
            figures = deep(network, depth, train, test, options, seed, device)
            depths[network].append({"seed": seed, "depth": depth, **figures})
        found[dataset] = {"losses": losses, "depth": depths, "left_out": left_out}
    protocol = {key: value for key, value in vars(options).items() if key != "datasets"}
    return {**protocol, "seeds": work.seeds, "device": hardware.device_name(device), "datasets": found}


def _datasets(work: Work) -> list[str]:
    known = list(dict.fromkeys(run.dataset for run in work.runs(work.options.row)))
    for dataset in work.options.datasets:
        if dataset not in known:
            where = f"profiles/{work.profile}.yaml: studies.gradients.datasets"
            raise ValueError(f"{where}: '{work.options.row}' does not run on '{dataset}'; it runs on {known}")
    return list(work.options.datasets) or known


Curves = dict[str, dict[str, list[dict[str, Any]]]]  # generator: {loss: [one curve per seed]}


def _losses(
    work: Work, dataset: str, train: ImageSet, test: ImageSet, device: torch.device
) -> tuple[Curves, dict[str, str]]:
    """The curves of every generator and loss, seed by seed, and the seeds without a trained generator."""
    losses = [name for game in GAMES for name in game.generators]
    curves: Curves = {age: {name: [] for name in losses} for age in ("untrained", "trained")}
    left_out: dict[str, str] = {}
    runs = [run for run in work.runs(work.options.row) if run.dataset == dataset]
    for run in track(runs, "gradients by loss", "seeds"):
        trained, meta = checkpoint.load_model(work.root / run.weights)
        if not isinstance(trained, DCGAN):
            where = f"profiles/{work.profile}.yaml: studies.gradients.row"
            raise ValueError(f"{where}: '{run.model}' is a {trained.title}; name a row of DCGAN")
        seed_all(run.seed, Stream.INIT)
        nets = {"untrained": DCGAN(trained.cfg, train.spec), "trained": trained}
        if meta["outcome"] != "finished":
            left_out[str(run.seed)] = f"{meta['outcome']}: {meta['reason']}"
            del nets["trained"]
        for age, net in nets.items():
            net.to(device).G.train().requires_grad_(True)
            for game in GAMES:
                points = play(game, net, train, test, work.options, run.seed, device)
                for name in game.generators:
                    curves[age][name].append({"seed": run.seed, **_curve(points, name)})
    return curves, left_out


def _curve(points: list["Point"], loss: str) -> dict[str, list[float]]:
    return {"step": [p.step for p in points], "norm": [p.norms[loss] for p in points], "auc": [p.auc for p in points]}


class Point(NamedTuple):
    """What is measured at a step of a discriminator's training."""

    step: int
    norms: dict[str, float]  # of the generator's gradient, by loss
    auc: float


def play(
    game: Game, net: DCGAN, train: ImageSet, test: ImageSet, options: Options, seed: int, device: torch.device
) -> list[Point]:
    """Train a fresh discriminator against the fixed generator of `net`; the points on the way."""
    critic = discriminator(game, net, train, seed).to(device)
    optimizer = Adam(critic.parameters(), net.cfg.lr, (net.cfg.beta1, net.cfg.beta2), fused=True)
    seed_all(seed, Stream.EVALUATE)
    z = net.latents(options.probe)
    real = draw(test, torch.arange(options.probe) % len(test.images), IMAGE, device)["image"]
    order = Order(len(train.images), options.batch, seed)
    points = []
    for step in range(options.steps + 1):
        if step % options.every == 0:
            points.append(probe(game, critic, net, z, real, step))
        seed_all(seed, Stream.STEP, step)
        x = draw(train, order(step), IMAGE, device)["image"]  # (B,C,H,W)
        with torch.no_grad():
            fake = net.sample(len(x))
        loss = game.discriminator(critic(x), critic(fake))
        if game.penalised:
            loss = loss + options.penalty * functional.gradient_penalty(critic, x, fake)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if game.clipped:
            with torch.no_grad():
                for weight in critic.parameters():
                    weight.clamp_(-options.clip, options.clip)
    return points


def discriminator(game: Game, net: DCGAN, train: ImageSet, seed: int) -> Discriminator:
    """DCGAN's, of the generator's width and kernel; batch normalisation and first weights are those of the loss."""
    seed_all(seed, Stream.INIT)
    norm = not game.penalised
    critic = Discriminator(train.spec.shape, net.cfg.width, kernel=net.cfg.kernel, norm=norm)
    return critic.apply(init_weights) if norm else critic


def probe(game: Game, critic: nn.Module, net: DCGAN, z: Tensor, real: Tensor, step: int) -> Point:
    """The norm of each generator loss's gradient by all of the generator's weights, and how good the critic is."""
    score = critic(net.decode(z))  # (B,1)
    weights = list(net.G.parameters())
    norms = {
        name: norm(torch.autograd.grad(loss(score), weights, retain_graph=True))
        for name, loss in game.generators.items()
    }
    with torch.no_grad():
        above = stats.mannwhitneyu(critic(real).flatten().cpu(), score.flatten().cpu()).statistic
    return Point(step, norms, float(above) / (len(real) * len(z)))


def norm(grads: tuple[Tensor, ...]) -> float:
    """The L2 norm over all entries; in float64, since squares of a vanishing gradient would be 0 in float32."""
    return float(torch.stack([g.double().square().sum() for g in grads]).sum().sqrt())


def deep(
    network: Network,
    depth: int,
    train: ImageSet,
    test: ImageSet,
    options: Options,
    seed: int,
    device: torch.device,
) -> dict[str, Any]:
    """Train a VAE of `depth` hidden layers per side; its gradients before and after, and what it reaches."""
    model = build(network, depth, train, options, seed).to(device)
    x = draw(train, Order(len(train.images), options.probe, seed, Stream.EVALUATE)(0), IMAGE, device)["image"]
    before = layer_norms(model, x, seed)
    plan = Plan(kimg=options.vae_kimg, batch=options.vae_batch, precision="fp32", decay="cosine")
    with tempfile.TemporaryDirectory() as folder:
        outcome = fit(model, train, plan, seed=seed, folder=Path(folder), device=device, progress=False)
    if outcome.outcome != "finished":
        return {"outcome": outcome.outcome, "reason": outcome.reason, "before": before}
    seed_all(seed, Stream.EVALUATE)
    images = draw(test, torch.arange(min(options.tested, len(test.images))), IMAGE, device)["image"]
    with torch.no_grad():
        update = next(iter(model.losses({"image": images}, Progress(0))))
        mse = ((model.reconstruct(images) - images) / 2).square().mean()  # of pixels in [0,1]
    after = layer_norms(model, x, seed)
    reached = {"bound": -update.loss.item(), "kl": update.logs["kl"].item(), "mse": mse.item()}
    return {"outcome": outcome.outcome, "before": before, "after": after, **reached, **_training_bound(outcome.curve)}


def _training_bound(curve: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """train_bound and gain, from the means of the loss along the training."""
    bounds = [-loss for point in curve for key, loss in point.items() if key.startswith("loss/")]
    tenth, end = max(1, len(bounds) // 10), max(1, 3 * len(bounds) // 4)
    last, before = statistics.mean(bounds[-tenth:]), statistics.mean(bounds[max(0, end - tenth) : end])
    return {"train_bound": last, "gain": last - before}


def build(network: Network, depth: int, data: ImageSet, options: Options, seed: int) -> VAE:
    """The VAE with `depth` hidden layers in each of its networks."""
    config = VAE.Config(z_dim=options.z_dim, hidden=options.hidden, optimizer="adam", lr=options.vae_lr)
    activation, init = UNITS[network]
    seed_all(seed, Stream.INIT)
    model = VAE(config, data.spec)
    model.encoder = mlp.encoder(data.spec.shape, [options.hidden] * depth, 2 * options.z_dim, activation)
    model.decoder = mlp.decoder(options.z_dim, [options.hidden] * depth, data.spec.shape, activation)
    for layer in layers(model):
        init(layer.weight)
        nn.init.zeros_(layer.bias)
    return model


def layers(model: VAE) -> list[nn.Linear]:
    """From the encoder's first to the decoder's last."""
    return [m for m in [*model.encoder.modules(), *model.decoder.modules()] if isinstance(m, nn.Linear)]


def layer_norms(model: VAE, x: Tensor, seed: int) -> list[float]:
    """The norm of the loss's gradient by the weights of each layer, on the images x (B,C,H,W)."""
    seed_all(seed, Stream.EVALUATE)
    loss = next(iter(model.losses({"image": x}, Progress(0)))).loss
    return [norm((g,)) for g in torch.autograd.grad(loss, [layer.weight for layer in layers(model)])]
