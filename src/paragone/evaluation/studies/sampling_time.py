"""How long every row takes to draw its first image and a batch, beside a baseline, in one process and in turn.

Each round draws from every row, forwards and then backwards through the list, so that a machine that slows down does so
for all; ratios are taken round by round. A draw ends with the 8-bit images in memory (`engine.sampling`). What is
timed is the whole of it: noise, every pass through the network, decoding. A slow row takes fewer draws, never smaller
batches and never fewer than three rounds; nothing is scaled up from a part.

Two clocks: wall time, and the processor time of this process, which on a CPU with one thread is the wall time of an
idle machine. `clock` names the one that ratios are of: processor time there, wall time on a GPU or with more threads.

Sampling time does not depend on what was learned, so one seed is enough, and a diffusion model's row is timed once more
at its paper's number of steps with fresh weights, the row's network and settings otherwise: what the row's own steps
save is then seen. Two figures are counted, not declared: `passes`, how often the most used layer runs for one image;
and `macs`, its multiply-accumulates (`sampling.macs`).
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from paragone.data import base as datasets
from paragone.engine import checkpoint, hardware, replays, sampling
from paragone.engine.seeding import Stream, seed_all
from paragone.evaluation import intervals
from paragone.evaluation.studies.base import Work, track
from paragone.models.base import Model
from paragone.project import files, paths, registry

FEWEST = 3  # rounds: fewer have no interval worth printing


@dataclass(frozen=True, kw_only=True)
class Options:
    rows: tuple[str, ...] = ()  # to be timed; all of the profile if none are named
    baseline: str = "dcgan"  # what ratios are to
    datasets: tuple[str, ...] = ()  # whose runs; all that the baseline runs on if none are named
    paper_steps: tuple[str, ...] = ("ddpm",)  # rows of diffusion models timed at their paper's number of steps too
    batch: int = 16  # of the throughput
    rounds: int = 5
    draws: int = 20  # of each kind that a row makes a round, at most; its figure is their median
    seconds: float = 20.0  # that a row may take over all rounds; a slow one stops after `FEWEST`

    def __post_init__(self) -> None:
        if self.rounds < FEWEST:
            raise ValueError(f"rounds is {self.rounds}; it must be at least {FEWEST}, or a ratio has no interval")
        for name in ("batch", "draws", "seconds"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be above 0")


class Taken(NamedTuple):
    """What a draw took, by clock; of a round, the medians over its draws."""

    wall: float  # seconds
    cpu: float
    draws: int = 1


@dataclass
class Sampler:
    """A row as it is timed."""

    about: dict[str, Any]
    net: Model
    inputs: Callable[[int], tuple[Tensor | None, Tensor | None]]  # labels and sources of n images, where it takes any
    precision: str
    device: torch.device
    used: float = 0.0  # seconds
    first: list[Taken] = field(default_factory=list)  # one image, one figure per round
    batch: list[Taken] = field(default_factory=list)

    def draw(self, n: int, counter: int = 0) -> Taken:
        """Draw n images, as the stage `sample` does."""
        inputs = [None if t is None else t.to(self.device) for t in self.inputs(n)]
        seed_all(0, Stream.SAMPLE, counter)
        hardware.synchronize(self.device)
        wall, cpu = time.perf_counter(), time.process_time()
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"),
            replays.drawing(self.device),
        ):
            x = sampling.draw(self.net, n, *inputs)
        sampling.quantise(x)
        taken = Taken(time.perf_counter() - wall, time.process_time() - cpu)
        self.used += taken.wall
        return taken

    def round(self, n: int, draws: int, seconds: float) -> Taken:
        """The medians of some draws of n images: as many as fit into the seconds, one at least."""
        taken: list[Taken] = []
        while not taken or (len(taken) < draws and sum(t.wall for t in taken) < seconds):
            taken.append(self.draw(n, len(taken)))
        wall, cpu = (statistics.median(t[i] for t in taken) for i in range(2))
        return Taken(wall, cpu, len(taken))


def depends(work: Work) -> list[Path]:
    """The weights, and what the stage `sample` left: it is new where a model's code is, though its weights stayed."""
    found: list[Path] = []
    for dataset in _datasets(work):
        runs = [_run(work, dataset, row) for row in _rows(work, dataset)]
        found += [paths.prepared(dataset), *(run.weights for run in runs), *(run.sampling for run in runs)]
    return found


def measure(work: Work) -> dict[str, Any]:
    """{hardware, protocol, datasets: {data set: {shape, rows: {row: ...}, paper: {row: ...}, left_out: {row: why}}}}.

    A row holds `first` and `batch`, lists of {wall, cpu, draws} in seconds, one per round, and `ratio`: of both to the
    baseline's. `paper` holds the rows at their paper's number of steps.
    """
    options, device = work.options, hardware.device()
    clock = hardware.clock_name(device)
    return {
        "device": hardware.device_name(device),
        "cpu": hardware.cpu_name(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "clock": clock,
        "batch": options.batch,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "baseline": options.baseline,
        "datasets": {dataset: _time(work, dataset, device, clock) for dataset in _datasets(work)},
    }


def _datasets(work: Work) -> list[str]:
    options, where = work.options, f"profiles/{work.profile}.yaml: studies.sampling_time"
    known = [name for name, rows in work.datasets.items() if options.baseline in rows]
    if not known:
        raise ValueError(f"{where}.baseline: there is no row '{options.baseline}' in the profile; name one that is")
    for dataset in options.datasets:
        if dataset not in known:
            raise ValueError(f"{where}.datasets: '{options.baseline}' does not run on '{dataset}'; it runs on {known}")
    for name in ("rows", "paper_steps"):
        for row in getattr(options, name):
            if not any(row in work.datasets[d] for d in known):
                raise ValueError(f"{where}.{name}: there is no row '{row}' beside '{options.baseline}'; remove it")
    return list(options.datasets) or known


def _rows(work: Work, dataset: str) -> list[str]:
    """The baseline, then the others."""
    options = work.options
    named = [*options.rows, *options.paper_steps] if options.rows else work.datasets[dataset]
    return list(dict.fromkeys([options.baseline, *(row for row in named if row in work.datasets[dataset])]))


def _run(work: Work, dataset: str, row: str) -> paths.Run:
    return paths.Run(work.profile, dataset, row, work.seeds[0])


def _time(work: Work, dataset: str, device: torch.device, clock: str) -> dict[str, Any]:
    options = work.options
    rows, left_out = _load(work, dataset, device)
    if options.baseline not in rows:
        raise ValueError(f"{dataset}: '{options.baseline}' {left_out[options.baseline]}; choose another baseline")
    paper = {row: _at_paper_steps(work, rows[row], row) for row in options.paper_steps if row in rows}
    every = [*rows.values(), *paper.values()]
    for sampler in every:
        _warm_up(sampler, options)
    share = options.seconds / (2 * options.rounds)
    for i in track(range(options.rounds), f"sampling time, {dataset}", "rounds"):
        for sampler in every if i % 2 == 0 else reversed(every):
            if i < FEWEST or sampler.used < options.seconds:
                sampler.first.append(sampler.round(1, options.draws, share))
                sampler.batch.append(sampler.round(options.batch, options.draws, share))
    baseline = rows[options.baseline]
    times = [{row: _times(s, baseline, clock) for row, s in group.items()} for group in (rows, paper)]
    shape = files.read_json(work.root / paths.prepared(dataset) / "dataset.json")["shape"]
    return {"shape": shape, "rows": times[0], "paper": times[1], "left_out": left_out}


def _load(work: Work, dataset: str, device: torch.device) -> tuple[dict[str, Sampler], dict[str, str]]:
    """The rows that finished, and why the others are left out."""
    train, test = (datasets.load(work.root / paths.prepared(dataset), split) for split in ("train", "test"))
    found: dict[str, Sampler] = {}
    left_out: dict[str, str] = {}
    for row in _rows(work, dataset):
        run = _run(work, dataset, row)
        net, meta = checkpoint.load_model(work.root / run.weights)
        if meta["outcome"] != "finished":
            left_out[row] = f"{meta['outcome']} (seed {run.seed}: {meta['reason']})"
            continue
        about = {"model": meta["recipe"]["model"], "seed": run.seed, "weights": "trained", "recipe": meta["recipe"]}
        found[row] = _sampler(net, about, meta["precision"], train, test, device)
    return found, left_out


def _sampler(
    net: Model,
    about: dict[str, Any],
    precision: str,
    train: datasets.ImageSet,
    test: datasets.ImageSet,
    device: torch.device,
) -> Sampler:
    def inputs(n: int) -> tuple[Tensor | None, Tensor | None]:
        return sampling.labels(net, train, n, 0), sampling.sources(net, test, n)

    net = net.eval().requires_grad_(False)
    net = hardware.place(net, device)
    about |= {
        "family": registry.family(about["model"]),
        "parameters": sum(p.numel() for p in net.parameters()),
    }
    return Sampler(about, net, inputs, precision, device)


def _at_paper_steps(work: Work, sampler: Sampler, row: str) -> Sampler:
    """The row with fresh weights and its paper's number of steps, which the Config's defaults are."""
    recipe = sampler.about["recipe"]
    paper = registry.model_class(recipe["model"]).Config()
    if not hasattr(paper, "timesteps"):
        raise ValueError(
            f"profiles/{work.profile}.yaml: studies.sampling_time.paper_steps: row '{row}' is a "
            f"{sampler.net.title}, which has no timesteps; name rows of diffusion models"
        )
    steps = {key: getattr(paper, key) for key in ("timesteps", "sampling_steps") if hasattr(paper, key)}
    seed_all(0, Stream.INIT)
    net = checkpoint.build({**recipe, "config": {**recipe["config"], **steps}})
    net = net.eval().requires_grad_(False)
    net = hardware.place(net, sampler.device)
    return Sampler({**sampler.about, "weights": "fresh"}, net, sampler.inputs, sampler.precision, sampler.device)


def _warm_up(sampler: Sampler, options: Options) -> None:
    """Count the passes, and make what is made once: kernels for each size. A draw that outlasts the row's seconds needs
    none, being many passes itself."""
    with sampling.counting(sampler.net) as counted:
        sampler.draw(1)
    sampler.about["passes"] = counted()
    sampler.about["macs"] = sampling.macs(sampler.net, sampler.device, *sampler.inputs(1))
    if sampler.used * options.batch < options.seconds:
        sampler.draw(options.batch)
    sampler.used = 0.0


def _times(sampler: Sampler, baseline: Sampler, clock: str) -> dict[str, Any]:
    def ratio(timed: Sequence[Taken], base: Sequence[Taken]) -> dict[str, float]:
        if timed is base:  # the baseline's to itself is no estimate: it is 1
            return intervals.Interval(1.0, 1.0, 1.0, len(base))._asdict()
        pairs = list(zip(timed, base, strict=False))  # a slow row has fewer rounds
        return intervals.ratio(*([getattr(t, clock) for t in part] for part in zip(*pairs, strict=True)))._asdict()

    about = {key: value for key, value in sampler.about.items() if key != "recipe"}
    return {
        **about,
        "precision": sampler.precision,
        "first": [t._asdict() for t in sampler.first],
        "batch": [t._asdict() for t in sampler.batch],
        "ratio": {"first": ratio(sampler.first, baseline.first), "batch": ratio(sampler.batch, baseline.batch)},
    }
