"""Accuracy under attack, with and without what is said to help: dropout, batch norm, adversarial training.

Two kinds of network are trained from scratch on a data set, each plain and with one of the three:
- `encoder`: the convolutions of the data set's classifier (`paragone.evaluation.extractors.classifier`), narrower;
- `discriminator`: DCGAN's (`layers.dcgan`), narrower; it tells real images from samples of a finished row.

Adversarial training is that of Goodfellow et al. 2015 (https://arxiv.org/abs/1412.6572, section 6), with the attack of
Madry et al. 2018 (https://arxiv.org/abs/1706.06083): half of every batch is replaced by what a few steps of projected
gradient descent (PGD) make of it. Madry et al. replace all of it; without clean images, and without letting eps grow
from 0 over the first half, some networks learned nothing in so short a training. A perturbation moves each pixel by at
most eps, in 0 to 1: less for the discriminator, since real images and samples differ by less than classes do. The
attacks are the Adversarial Robustness Toolbox's, with the true labels, on networks in evaluation mode (no dropout):
- `fgsm`: one step along the sign of the gradient (Goodfellow et al. 2015, section 4);
- `pgd`: PGD from a random start;
- `transfer`: PGD's images of a plain network of another seed, which needs no gradient of the one that is attacked;
- `survived`: images that are classified after none, `fgsm`, `pgd`, `transfer`, and PGD of four times as many steps from
  several random starts, all at the eps of the training.

Gradients that are masked, not robust, show in what needs none or few of them (Athalye et al. 2018,
https://arxiv.org/abs/1802.00420): `transfer` below `pgd`, `survived` far below it, or PGD that does not reach 0 however
large eps is. Hence `survived` is what counts.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from paragone.data import base as datasets
from paragone.engine import checkpoint, hardware, sampling
from paragone.engine.seeding import Stream, generator, mix, seed_all
from paragone.evaluation.extractors.classifier import DIM
from paragone.evaluation.studies.base import Work, track
from paragone.models.base import Spec
from paragone.models.layers.dcgan import Discriminator
from paragone.project import paths

DEFENCES = ("plain", "dropout", "batch norm", "adversarial training")
DROPOUT = 0.3  # the classifier's
BATCH, LEARNING_RATE = 64, 2e-3
Images = NDArray[np.float32]  # (N,C,H,W) in [0,1]
Attack = Callable[[nn.Module, Images, Tensor], Images]


@dataclass(frozen=True, kw_only=True)
class Options:
    dataset: str = "mnist-5k"
    row: str = "dcgan"  # whose samples the discriminator tells from real images
    n: int = 150  # test images attacked
    kimg: float = 10.0  # of each training; twice as much for the discriminator
    fakes: int = 4000  # samples, and as many real images, that the discriminator learns from
    width: int = 8  # channels next to the image of the encoder; the discriminator's are twice as many
    eps: float = 0.1  # of adversarial training, and of `survived`
    eps_discriminator: float = 0.02
    curve: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)  # of eps, for fgsm and pgd
    train_steps: int = 5  # of PGD in adversarial training: fewer teach a network to mislead them, not to resist
    steps: int = 10  # of PGD
    restarts: int = 2  # of the longer PGD


class Task(NamedTuple):
    """What one kind of network learns and is tried on."""

    network: str
    train: tuple[Tensor, Tensor]  # images (N,C,H,W) in [0,1], labels (N,)
    test: tuple[Tensor, Tensor]
    spec: Spec
    kimg: float
    eps: float


def depends(work: Work) -> list[Path]:
    """The real data and the row's models."""
    return [paths.prepared(work.options.dataset), *(run.weights for run in _runs(work))]


def _runs(work: Work) -> list[paths.Run]:
    dataset, row = work.options.dataset, work.options.row
    found = [run for run in work.runs(row) if run.dataset == dataset]
    if not found:
        raise ValueError(
            f"profiles/{work.profile}.yaml: studies.robustness.dataset: '{row}' does not run on '{dataset}'; "
            "name a data set of the profile on which it does"
        )
    return found


def measure(work: Work) -> dict[str, Any]:
    """{networks: {network: {eps, eps_curve, kimg, defences: {defence: [{seed, clean, fgsm, pgd, transfer,
    survived}]}}}}: shares of n test images; fgsm and pgd by eps_curve."""
    options, device = work.options, hardware.device()
    hardware.be_deterministic(device)
    found: dict[str, dict[str, Any]] = {}
    for run in _runs(work):
        for task in _tasks(work, run):
            other = _train(task, "plain", max(work.seeds) + 1 + run.seed, options, device)
            _seed(run.seed, 0)
            foreign = pgd(task.eps, options.steps)(other, task.test[0].numpy(), task.test[1])
            about = {"eps": task.eps, "eps_curve": [task.eps * m for m in options.curve], "kimg": task.kimg}
            entry = found.setdefault(task.network, {**about, "defences": {defence: [] for defence in DEFENCES}})
            for defence in track(DEFENCES, f"robustness, {task.network}, seed {run.seed}", "defences"):
                net = _train(task, defence, run.seed, options, device)
                entry["defences"][defence].append(
                    {"seed": run.seed, **_attacked(net, foreign, task, options, run.seed)}
                )
    names = ("dataset", "row", "n", "fakes", "width", "train_steps", "steps", "restarts")
    return {
        **{name: getattr(options, name) for name in names},
        "seeds": work.seeds,
        "norm": "L-inf, pixels in [0,1]",
        "device": hardware.device_name(device),
        "networks": found,
    }


def _tasks(work: Work, run: paths.Run) -> Iterator[Task]:
    options: Options = work.options
    prepared = work.root / paths.prepared(run.dataset)
    train, test = datasets.load(prepared, "train"), datasets.load(prepared, "test")
    if train.labels is None or test.labels is None:
        raise ValueError(f"{prepared}: the set has no labels for the encoder to learn; name another one")
    chosen = torch.randperm(len(test.images), generator=generator(0, Stream.EVALUATE))[: options.n]
    x, y = _scaled(test.images[chosen]), test.labels[chosen]
    yield Task("encoder", (_scaled(train.images), train.labels), (x, y), train.spec, options.kimg, options.eps)
    half = options.n // 2
    fakes = _scaled(_samples(work.root, run, train, options.fakes + half))
    n = min(options.fakes, len(train.images))
    real = _scaled(train.images[torch.randperm(len(train.images), generator=generator(run.seed, Stream.EVALUATE))[:n]])
    yield Task(
        "discriminator",
        (torch.cat([real, fakes[half:]]), torch.tensor([1] * n + [0] * options.fakes)),
        (torch.cat([x[:half], fakes[:half]]), torch.tensor([1] * half + [0] * half)),
        Spec(train.spec.shape, 2),
        2 * options.kimg,
        options.eps_discriminator,
    )


def _scaled(images: Tensor) -> Tensor:
    """uint8 (N,H,W,C) to (N,C,H,W) in [0,1]."""
    return images.permute(0, 3, 1, 2).float() / 255


def _samples(root: Path, run: paths.Run, train: datasets.ImageSet, n: int) -> Tensor:
    model, about = checkpoint.load_model(root / run.weights)
    if about["outcome"] != "finished":
        raise ValueError(f"{root / run.weights}: its training {about['outcome']}; choose another row for the study")
    cond = sampling.labels(model, train, n, run.seed)
    images, _ = sampling.sample(model, n, seed=run.seed, batch=250, device=hardware.device(), cond=cond, progress=False)
    return torch.from_numpy(images)


class _Centre(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        """[0,1] to [-1,1]."""
        return 2 * x - 1


def network(kind: str, spec: Spec, width: int, norm: bool, dropout: float) -> nn.Sequential:
    """Images (B,C,H,W) in [0,1] to logits (B,classes). Weights begin as He et al. 2015 draw them, or a network without
    batch norm would learn nothing for long."""
    net = nn.Sequential(_Centre(), *_layers(kind, spec, width, norm, dropout))
    for layer in net:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return net


def _layers(kind: str, spec: Spec, width: int, norm: bool, dropout: float) -> list[nn.Module]:
    if kind == "discriminator":
        layers: list[nn.Module] = []
        for layer in Discriminator(spec.shape, 2 * width, out=spec.classes, kernel=4, norm=norm).layers:
            layers += [layer, *([nn.Dropout(dropout)] if dropout and isinstance(layer, nn.LeakyReLU) else [])]
        return layers
    c, h, w = spec.shape
    layers, out = [], width
    while min(h, w) >= 8:
        for inside in (c, out):
            normed = [nn.BatchNorm2d(out)] if norm else []
            layers += [nn.Conv2d(inside, out, 3, padding=1, bias=not norm), *normed, nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
        c, h, w, out = out, h // 2, w // 2, min(2 * out, 4 * width)
    embed = [nn.Linear(c * h * w, DIM, bias=not norm), *([nn.BatchNorm1d(DIM)] if norm else []), nn.ReLU()]
    drop = [nn.Dropout(dropout)] if dropout else []
    return [*layers, nn.Flatten(), *drop, *embed, *drop, nn.Linear(DIM, spec.classes)]


def _train(task: Task, defence: str, seed: int, options: Options, device: torch.device) -> nn.Module:
    """One network, in eval mode: every draw follows from the seed, and is the same for all defences."""
    images, labels = task.train
    seed_all(seed, Stream.INIT)
    net = network(task.network, task.spec, options.width, defence == "batch norm", DROPOUT * (defence == "dropout"))
    net = net.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    steps = max(1, round(task.kimg * 1000 / BATCH))
    optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.2)
    size = min(BATCH, len(images))
    for step in range(steps):
        epoch, i = divmod(step, len(images) // size)
        if i == 0:
            order = torch.randperm(len(images), generator=generator(seed, Stream.ORDER, epoch))
        index = order[i * size : (i + 1) * size]
        x, y = images[index], labels[index]
        _seed(seed, step)
        if defence == "adversarial training":
            harden = pgd(task.eps * min(1.0, 2 * step / steps), options.train_steps)
            attacked = torch.from_numpy(harden(net, x[: size // 2].numpy(), y[: size // 2]))
            x = torch.cat([attacked, x[size // 2 :]])
        loss = functional.cross_entropy(net.train()(x.to(device)), y.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net.eval()


def _seed(seed: int, step: int) -> None:
    """Seed torch's and NumPy's own generators: the attacks' random starts are NumPy's."""
    seed_all(seed, Stream.STEP, step)
    np.random.seed(mix(seed, Stream.STEP, step) % 2**32)


def fgsm(eps: float) -> Attack:
    """One step along the sign of the loss's gradient."""

    def attack(net: nn.Module, x: Images, y: Tensor) -> Images:
        from art.attacks.evasion import FastGradientMethod

        model = _art(net, x, y)
        return FastGradientMethod(model, norm=np.inf, eps=eps, batch_size=250).generate(x, _one_hot(model, y))

    return attack


def pgd(eps: float, steps: int, restarts: int = 1) -> Attack:
    """Steps of 2.5 eps / steps, as Madry et al. take them, from random starts."""

    def attack(net: nn.Module, x: Images, y: Tensor) -> Images:
        from art.attacks.evasion import ProjectedGradientDescentPyTorch

        model, step = _art(net, x, y), max(2.5 * eps / steps, 1e-9)  # the toolbox takes no 0
        settings = {"norm": np.inf, "max_iter": steps, "num_random_init": restarts, "batch_size": 250, "verbose": False}
        found = ProjectedGradientDescentPyTorch(model, eps=eps, eps_step=step, **settings)
        return found.generate(x, _one_hot(model, y))

    return attack


def _art(net: nn.Module, x: Images, y: Tensor) -> Any:
    """The network as the toolbox sees it. (Imported only here and above: it takes seconds.)"""
    from art.estimators.classification import PyTorchClassifier

    with torch.no_grad():
        classes = net.eval()(torch.from_numpy(x[:1]).to(next(net.parameters()).device)).shape[1]
    kind = "cpu" if next(net.parameters()).device.type == "cpu" else "gpu"
    return PyTorchClassifier(
        net,
        loss=nn.CrossEntropyLoss(),
        input_shape=x.shape[1:],
        nb_classes=classes,
        clip_values=(0.0, 1.0),
        device_type=kind,
    )


def _one_hot(model: Any, y: Tensor) -> Images:
    return functional.one_hot(y, model.nb_classes).float().numpy()


def correct(net: nn.Module, x: Images, y: Tensor) -> NDArray[np.bool_]:
    """Which images (N,C,H,W) the network, in eval mode, classifies as labelled; (N,)."""
    device = next(net.parameters()).device
    with torch.no_grad():
        logits = net.eval()(torch.from_numpy(x).to(device))
    return (logits.argmax(1).cpu() == y).numpy()


def _attacked(net: nn.Module, foreign: Images, task: Task, options: Options, seed: int) -> dict[str, Any]:
    """The figures of one network; foreign: the test images as another one's PGD left them."""
    x, y = task.test[0].numpy(), task.test[1]
    _seed(seed, 0)

    def after(attack: Attack) -> NDArray[np.bool_]:
        return correct(net, attack(net, x, y), y)

    curves = {
        "fgsm": [float(after(fgsm(task.eps * multiple)).mean()) for multiple in options.curve],
        "pgd": [float(after(pgd(task.eps * multiple, options.steps)).mean()) for multiple in options.curve],
    }
    clean = correct(net, x, y)
    transfer = correct(net, foreign, y)
    alive = clean & transfer & after(fgsm(task.eps)) & after(pgd(task.eps, options.steps))
    if alive.any():
        longer = pgd(task.eps, 4 * options.steps, options.restarts)(net, x[alive], y[torch.from_numpy(alive)])
        alive[alive] = correct(net, longer, y[torch.from_numpy(alive)])
    return {"clean": float(clean.mean()), **curves, "transfer": float(transfer.mean()), "survived": float(alive.mean())}
