"""What rows that follow a paper's settings measure in that paper's own protocol, with their seeds and minutes.

Eight protocols, none of which needs a network from elsewhere:

- **importance**: `metrics.importance_weighted` of test images, in nats, with as many draws as the paper took (Burda
  et al. 2016, https://arxiv.org/abs/1509.00519, eq. 8). Of an 8-bit set the figure is a density's, for intensities in
  [0,1] with noise of one level added, as in Wu et al. 2017: that of the levels plus log 256 a pixel, its sign turned.
- **parzen**: mean log density of test images under Gaussian kernels on samples (`evaluation.parzen`).
- **annealed**: mean log density of test images by annealed importance sampling (`evaluation.annealing`; Wu et al. 2017:
  16 chains of 10,000 steps).
- **clustering**: share of test images, in %, that are not of the most frequent class of their category, and the rest.
- **modes**: how many of a set's classes the samples of a row show, as the set's own classifier assigns them, and the
  KL divergence of the assigned shares from the training split's (`studies.mode_coverage`; of stacked MNIST 1,000
  modes, by 26,000 samples in Srivastava et al. 2017, 25,600 in Metz et al. 2017 and Lin et al. 2018).
- **plane**: modes covered, samples of high quality in %, and reverse KL in nats of GANs on a ring or a grid of
  Gaussians (`evaluation.plane`). These are trained here, all trials of a setting side by side: minutes of a GPU, hours
  of a core for each trial.
- **sampling**: hours to draw 50,000 images of 32 x 32 x 3, and their ratio to a baseline's, of models with their
  papers' networks and fresh weights. A few batches are timed, and of a diffusion model a few of its steps; the rest
  is extrapolated, since every batch and every step is the same work.
- **size**: millions of trained parameters of a model's parts, for the images and settings of a source. Nothing is
  trained: networks are laid out without memory.

Which published figure a row stands beside is in `results/published/reproduced.csv`, and what differs.
"""

import math
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch

from paragone.data import base as datasets
from paragone.data.base import ImageSet
from paragone.data.pixels import to_float
from paragone.engine import checkpoint, hardware, sampling
from paragone.engine.seeding import Stream, seed_all
from paragone.evaluation import annealing, parzen, plane, protocol
from paragone.evaluation.metrics.base import Clustered
from paragone.evaluation.studies import likelihood, mode_coverage
from paragone.evaluation.studies.base import Work, track
from paragone.models.base import Model, Spec
from paragone.project import files, paths, registry

BATCH = 1000  # samples at a time
IMAGES, BATCHES, STEPS = 50_000, 3, 5  # of the sampling's figure; batches and diffusion steps that are timed


@dataclass(frozen=True, kw_only=True)
class Options:
    importance: dict[str, int] = field(default_factory=dict)  # row: draws per test image
    parzen: dict[str, int] = field(default_factory=dict)  # row: samples
    annealed: dict[str, int] = field(default_factory=dict)  # row: steps
    std: dict[str, float] = field(default_factory=dict)  # row: of the noise of `annealed`; else it is chosen
    clustering: tuple[str, ...] = ()  # rows
    modes: dict[str, int] = field(default_factory=dict)  # row: samples
    plane: dict[str, dict[str, Any]] = field(default_factory=dict)  # name: settings of `evaluation.plane`
    sampling: dict[str, str] = field(default_factory=dict)  # model: its baseline, both by file name
    # name: {model, shape: [C, H, W], classes, config, parents: {role: another of these names}}
    size: dict[str, dict[str, Any]] = field(default_factory=dict)
    n: int = 10_000  # test images of `importance`, at most
    parzen_n: int = 1000  # test images of `parzen`, and images that the bandwidth is chosen by
    annealed_n: int = 1000  # test images of `annealed`, at most
    chains: int = 16  # for each
    sampling_batch: int = 8

    def __post_init__(self) -> None:
        counts = {name: getattr(self, name) for name in ("n", "parzen_n", "annealed_n", "chains", "sampling_batch")}
        for name, value in {**counts, **self.importance, **self.parzen, **self.annealed, **self.modes}.items():
            if value < 1:
                raise ValueError(f"{name} is {value}; it must be at least 1")
        known = {setting.name for setting in fields(plane.Plane)}
        for name, given in self.plane.items():
            if unknown := given.keys() - known:
                raise ValueError(
                    f"plane.{name}: '{min(unknown)}' is not known; it is one of {', '.join(sorted(known))}"
                )
            if "geometry" not in given:
                raise ValueError(f"plane.{name} has no geometry; it is ring or grid")
            plane.Plane(**given)
        for name, network in self.size.items():
            if missing := {"model", "shape"} - network.keys():
                raise ValueError(f"size.{name} has no {sorted(missing)[0]}; name a model and the images' shape")
            if unknown := network.keys() - {"model", "shape", "classes", "config", "parents"}:
                raise ValueError(f"size.{name}: '{sorted(unknown)[0]}' is not known; take it out")
            if strangers := set(network.get("parents", {}).values()) - self.size.keys():
                raise ValueError(f"size.{name}: its parent '{sorted(strangers)[0]}' is none of `size`; add it there")


def depends(work: Work) -> list[Path]:
    """The weights, what their training took, the data sets, and the classifiers of those whose modes are counted."""
    runs = [run for row in _rows(work) for run in work.runs(row)]
    prepared = dict.fromkeys(paths.prepared(run.dataset) for run in runs)
    judges = dict.fromkeys(paths.classifier(run.dataset) for run in runs if run.model in work.options.modes)
    return [*prepared, *judges, *(run.weights for run in runs), *(run.training for run in runs)]


def measure(work: Work) -> dict[str, Any]:
    """{rows: {row: [{seed, dataset, outcome, reason, kimg, seconds, <protocol>: {...}}]}, sampling: {model: {...}},
    size: {name: {part: millions}}, plane: {name: {...}}}; of the last, as `evaluation.plane` says.

    importance: nats, lower is better, or of an 8-bit set density, higher is better; se over images; k; n. parzen: nats,
    higher is better; se; bandwidth; samples; n. annealed: nats, likewise; se; steps; chains; std; n. clustering: error
    and accuracy in %; n. modes: counted; kl in nats; n. sampling: ratio and hours, one figure per timed batch;
    baseline, baseline_hours; batch, steps, timed_steps.
    """
    device = hardware.device()
    rows: dict[str, list[dict[str, Any]]] = {row: [] for row in _rows(work)}
    for run in track([run for row in rows for run in work.runs(row)], "reproduce", "runs"):
        rows[run.model].append(_run(work, run, device))
    batch = work.options.sampling_batch
    timed = {name: _ratio(name, baseline, batch, device) for name, baseline in work.options.sampling.items()}
    counted = {name: sizes(work.options.size, name) for name in work.options.size}
    about = {"device": hardware.device_name(device), "cpu": hardware.cpu_name()}
    points = {name: plane.measure(plane.Plane(**given), 0, device) for name, given in work.options.plane.items()}
    return {**about, "rows": rows, "sampling": timed, "size": counted, "plane": points}


def _rows(work: Work) -> list[str]:
    o = work.options
    return list(dict.fromkeys([*o.importance, *o.parzen, *o.annealed, *o.clustering, *o.modes]))


def _run(work: Work, run: paths.Run, device: torch.device) -> dict[str, Any]:
    net, meta = checkpoint.load_model(work.root / run.weights)
    trained = files.read_json(work.root / run.training)
    entry = {"seed": run.seed, "dataset": run.dataset, "outcome": meta["outcome"], "reason": meta["reason"]}
    entry |= {key: trained[key] for key in ("kimg", "seconds")}
    if meta["outcome"] != "finished":
        return entry
    test, options = datasets.load(work.root / paths.prepared(run.dataset), "test"), work.options
    net = hardware.place(net.eval().requires_grad_(False), device)
    if (draws := options.importance.get(run.model)) is not None:
        entry["importance"] = importance(net, test, draws, options.n, run.seed, device)
    if (count := options.parzen.get(run.model)) is not None:
        drawn = likelihood.samples(net, test, count, run.seed)
        entry["parzen"] = parzen.density(drawn, test, options.parzen_n, run.seed)
    if (steps := options.annealed.get(run.model)) is not None:
        std = options.std.get(run.model)
        how = annealing.Annealing(steps=steps, chains=options.chains, n=options.annealed_n, std=std)
        entry["annealed"] = annealing.estimate(net, test, how, run.seed, device)
    if run.model in options.clustering:
        entry["clustering"] = clustering(net, test, device)
    if (samples := options.modes.get(run.model)) is not None:
        entry["modes"] = _modes(work.root, run, net, samples, meta["precision"], device)
    return entry


def _modes(root: Path, run: paths.Run, net: Model, n: int, precision: str, device: torch.device) -> dict[str, Any]:
    """counted, kl and n of n samples. Raises ValueError for a data set without labels."""
    train = datasets.load(root / paths.prepared(run.dataset), "train")
    if train.labels is None:
        raise ValueError(f"{run.dataset} has no labels, so no modes to count; take {run.model} out of `modes`")
    (judge,) = protocol.load_extractors(root, run.dataset, [mode_coverage.SPACE]).values()
    labels, batch = sampling.labels(net, train, n, run.seed), mode_coverage.BATCH
    images, _ = sampling.sample(
        net, n, seed=run.seed, batch=batch, device=device, precision=precision, cond=labels, progress=False
    )
    found = mode_coverage.figures(torch.from_numpy(images), train, judge, device)
    return {key: found[key] for key in ("counted", "kl", "n")}


def importance(net: Model, test: ImageSet, draws: int, n: int, seed: int, device: torch.device) -> dict[str, float]:
    """The importance-weighted estimate in nats. Raises ValueError for a model that has none."""
    if "log_weight" not in net.capabilities:
        raise ValueError(f"{net.title} has no log_weight on this data set; name rows of autoencoders with a likelihood")
    found = likelihood.figures(net, test, likelihood.Options(k=draws, n=n), seed, device)["importance"]
    figure = {"nats": found["nats"]}
    if test.spec.levels == 256:
        figure = {"density": math.prod(test.spec.shape) * math.log(256) - found["nats"]}
    return {**figure, "se": found["se"], "k": draws, "n": min(n, len(test.images))}


def clustering(net: Model, test: ImageSet, device: torch.device) -> dict[str, float]:
    """Error and accuracy of the categories in %."""
    if test.labels is None or "cluster" not in net.capabilities:
        raise ValueError(f"{net.title} finds no categories, or the data set has no labels; name other rows")
    cluster: Any = net.cluster
    with torch.inference_mode():
        found = torch.cat([cluster(to_float(part.to(device))).cpu() for part in test.images.split(BATCH)])
    accuracy = protocol.measure(Clustered(found, test.labels))["clustering"]["accuracy"]
    return {"error": 100 * (1 - accuracy), "accuracy": 100 * accuracy, "n": len(found)}


def _ratio(name: str, baseline: str, batch: int, device: torch.device) -> dict[str, Any]:
    """How many times as long as the baseline a model takes, batch by batch."""
    timed, base = (hours(model, batch, device) for model in (name, baseline))
    ratios = [a / b for a, b in zip(timed["hours"], base["hours"], strict=True)]
    return {"ratio": ratios, **timed, "baseline": baseline, "baseline_hours": base["hours"]}


def hours(name: str, batch: int, device: torch.device) -> dict[str, Any]:
    """Hours that a model of models/ takes for 50,000 colour images of 32 x 32, extrapolated from a few batches."""
    config = registry.model_class(name).Config
    steps = getattr(config(), "timesteps", 1)
    timed = {"timesteps": STEPS} if steps > 1 else {}
    seed_all(0, Stream.INIT)
    net = registry.build_model(name, Spec((3, 32, 32), 10), timed, {})
    net = hardware.place(net.eval().requires_grad_(False), device)
    seconds = []
    for i in range(BATCHES + 1):  # the first warms up
        started = hardware.seconds(device)
        with torch.inference_mode():
            sampling.quantise(sampling.draw(net, batch, None, None))
        seconds.append(hardware.seconds(device) - started)
        seed_all(0, Stream.SAMPLE, i)
    scale = steps / STEPS if steps > 1 else 1.0
    batches = [second * scale * IMAGES / batch / 3600 for second in seconds[1:]]
    return {"hours": batches, "batch": batch, "steps": steps, "timed_steps": min(steps, STEPS)}


def sizes(networks: dict[str, dict[str, Any]], name: str) -> dict[str, float]:
    """Millions of trained parameters of each part of a network, and of all; parents are no part of it."""
    parts = {
        part: sum(p.numel() for p in child.parameters() if p.requires_grad) / 1e6
        for part, child in _laid_out(networks, name).named_children()
        if part != "frozen"
    }
    return {part: count for part, count in parts.items() if count} | {"all": sum(parts.values())}


def _laid_out(networks: dict[str, dict[str, Any]], name: str) -> Model:
    network = networks[name]
    parents = {role: _laid_out(networks, parent) for role, parent in network.get("parents", {}).items()}
    c, h, w = network["shape"]
    with torch.device("meta"):
        return registry.build_model(
            network["model"], Spec((c, h, w), network.get("classes", 0)), network.get("config"), parents
        )
