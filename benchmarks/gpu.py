"""Training steps as CUDA graphs on one GPU: do they give the same bits as eager steps, and how much faster are they?

    python benchmarks/gpu.py --out gpu        # writes gpu.json and gpu.md; at most 12 minutes
    python benchmarks/gpu.py --out dry --dry  # tries the script on a CPU with a stand-in; its figures mean nothing

Needs this repository (PYTHONPATH=src where it is not installed), PyTorch, and the packages numpy, pyarrow, pydantic,
pyyaml, safetensors and tqdm. It first measures where the time of an eager step goes, for every row. Then, row by row,
it trains 60 steps eagerly, 60 as graphs, and 60 as graphs interrupted after 30 and resumed; the three digests must be
equal. Then it measures the rates, the share of a step in which the GPU computes, the share in which it waits for the
host, and the time an iterative sampler takes for one image. The files are rewritten after every figure, so an
interrupted run keeps its results. Nothing is compiled, whatever a row's plan says.
"""

import argparse
import gc
import hashlib
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from paragone.data.base import ImageSet
from paragone.engine import hardware, sampling
from paragone.engine.loop import Outcome, fit
from paragone.engine.recorders import Again, Cuda, Recorder, Result
from paragone.engine.replays import drawing
from paragone.engine.seeding import Stream, seed_all
from paragone.models.base import Model, Plan, Spec
from paragone.project import registry, settings
from paragone.project.params import Params

ROOT = Path(__file__).resolve().parents[1]
FIRST = (
    "gan",
    "dcgan",
    "wgan",
    "wgan_gp",
    "sngan",
    "aae",
    "vae",
    "vq_vae",
    "vq_prior",
    "ddpm",
)  # measured first, in this order
CURVE = 200  # rows of a curve: a plan of 200 intervals writes one at the end of each


class Sizes(NamedTuple):
    """Lengths of the measurements."""

    steps: int  # of each of the three trainings whose digests must agree
    interval: int  # steps in a timed interval
    intervals: int  # a rate is the median over these
    warm: int  # warm-up intervals, in which graphs are recorded: each kind of step must occur three times


GPU, DRY = Sizes(60, 40, 4, 6), Sizes(24, 4, 2, 4)
PATIENCE = 15.0  # seconds for the warm-up and for the timed intervals; slow rows have fewer intervals


class Setting(NamedTuple):
    """The settings that all rows share."""

    params: Params
    profile: str
    data: ImageSet
    device: torch.device
    sizes: Sizes

    def plan(self, row: str) -> Plan:
        return replace(self.params.plan(self.profile, self._dataset, row), compile=False)

    def build(self, row: str) -> Model:
        """The row's model and its parents with fresh weights, the same at every call."""
        entry = self.params.entry(self.profile, row)
        parents: dict[str, nn.Module] = {role: self.build(parent) for role, parent in entry.parents.items()}
        seed_all(0, Stream.INIT)
        config = self.params.config(self.profile, self._dataset, row)
        return registry.build_model(self.params.model(self.profile, row), self.data.spec, config, parents)

    @property
    def _dataset(self) -> str:
        return next(iter(self.params.get_profile(self.profile).datasets))


class Timed:
    """A recorder that counts graphs and, once `on`, times each replay by the GPU's clock. With record=False it refuses
    to record: steps stay eager, and everything else is as with graphs."""

    def __init__(self, inner: Recorder, record: bool = True) -> None:
        self._inner, self._record = inner, record
        self.graphs, self.on = 0, False
        self.marks: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []
        self.session, self.prepare, self.strict = inner.session, inner.prepare, inner.strict

    def capture(self, step: Callable[[], Result]) -> tuple[Callable[[], None], Result]:
        if not self._record:
            raise RuntimeError("left eager on purpose")
        replay, taken = self._inner.capture(step)
        self.graphs += 1

        def timed() -> None:
            if not self.on:
                replay()
                return
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            replay()
            end.record()
            self.marks.append((start, end))

        return timed, taken

    def busy(self) -> float:
        """GPU seconds in the timed replays."""
        return sum(start.elapsed_time(end) for start, end in self.marks) / 1000


def recorder(device: torch.device, record: bool = True) -> Timed:
    return Timed(Cuda(device) if device.type == "cuda" else Again(), record)


def digest(outcome: Outcome) -> str:
    """A digest of the weights' bits and the curve."""
    found = hashlib.sha256(json.dumps(outcome.curve, sort_keys=True).encode())
    for name, tensor in sorted(outcome.model.state_dict().items()):
        whole = tensor.detach().cpu().contiguous().flatten()
        found.update(name.encode() + whole.view(torch.uint8).numpy().tobytes())
    return found.hexdigest()[:16]


def agree(of: Setting, row: str) -> dict[str, Any]:
    """The digests of a training run eagerly, as graphs, and as graphs interrupted half-way and resumed."""
    plan = replace(of.plan(row), kimg=of.sizes.steps * of.plan(row).batch / 1000)
    digests, last = {}, None
    with tempfile.TemporaryDirectory() as root:
        for kind in ("eager", "graphs", "cut and resumed"):
            cuts = [of.sizes.steps // 2] if kind == "cut and resumed" else []
            for end in (*cuts, 10**9):
                stop = lambda step, end=end: step >= end  # noqa: E731
                last = train(of, row, plan, recorder(of.device, kind != "eager"), stop, Path(root) / kind)
            assert last is not None
            digests[kind] = digest(last)
            if kind == "graphs":
                eager, exact, replayed = last.eager, last.exact, last.replayed
    equal = len(set(digests.values())) == 1
    return {"digests": digests, "equal": equal, "exact": exact, "replayed": replayed, "eager_because": eager or None}


def train(
    of: Setting, row: str, plan: Plan, by: Recorder, stop: Callable[[int], bool], folder: Path | None = None
) -> Outcome:
    """One training from the same weights on the same data."""
    clean(of.device)
    with tempfile.TemporaryDirectory() as made:
        where = folder or Path(made)
        model = of.build(row)
        return fit(model, of.data, plan, seed=0, folder=where, device=of.device, progress=False, stop=stop, recorder=by)


def rate(of: Setting, row: str, record: bool) -> dict[str, Any]:
    """Milliseconds per step, the median over intervals; then the GPU's activity, in one more interval each."""
    clock = Clock(of.sizes, of.device, recorder(of.device, record))
    plan = replace(of.plan(row), kimg=CURVE * of.sizes.interval * of.plan(row).batch / 1000)
    outcome = train(of, row, plan, clock.recorder, clock)
    if outcome.outcome != "finished":
        return {"error": f"it diverged: {outcome.reason}"}
    ms = 1000 * statistics.median(clock.took) / of.sizes.interval
    kernel_ms = clock.found["kernel_ms"]
    rates = {"ms": ms, "images_per_second": 1000 * plan.batch / ms, "graphs": clock.recorder.graphs, **clock.found}
    share = None if kernel_ms is None else kernel_ms / ms
    return {**rates, "kernel_share": share, "memory_mb": round(hardware.peak_memory_mb(of.device))}


class Clock:
    """Called at the end of every interval. It skips the warm-up, times some intervals, then lets the GPU time the
    replays of one and counts the kernels of another, and stops the training. The last two add overhead."""

    def __init__(self, sizes: Sizes, device: torch.device, recorder: Timed) -> None:
        self._sizes, self._device, self.recorder = sizes, device, recorder
        self.took: list[float] = []  # seconds, one per timed interval
        self.found: dict[str, Any] = {}
        self._phase, self._calls = self._warm, 0
        self._last = self._since = time.perf_counter()  # the last call, and the start of the phase
        self._profiler = profiling(device)

    def __call__(self, step: int) -> bool:
        hardware.synchronize(self._device)
        now = time.perf_counter()
        over = self._phase(now - self._last)
        self._last = time.perf_counter()
        return over

    def _next(self, phase: Callable[[float], bool]) -> None:
        self._phase, self._since = phase, time.perf_counter()

    def _impatient(self) -> bool:
        return time.perf_counter() - self._since > PATIENCE

    def _warm(self, seconds: float) -> bool:
        self._calls += 1
        if self._calls >= self._sizes.warm or self._impatient():
            self._next(self._time)
        return False

    def _time(self, seconds: float) -> bool:
        self.took.append(seconds)
        if len(self.took) >= self._sizes.intervals or self._impatient():
            self.recorder.on = self._device.type == "cuda"
            self._next(self._mark)
        return False

    def _mark(self, seconds: float) -> bool:
        self.recorder.on = False
        self.found["wait"] = max(0.0, 1 - self.recorder.busy() / seconds) if self.recorder.marks else None
        self._profiler.start()
        self._next(self._count)
        return False

    def _count(self, seconds: float) -> bool:
        self._profiler.stop()
        self.found |= kernels(self._profiler, self._sizes.interval)
        return True


def images(of: Setting, row: str) -> dict[str, Any]:
    """Milliseconds to draw one image with an iterative or autoregressive sampler, eagerly and with replayed
    evaluations, and whether the two images are equal. Empty for other samplers and for models that translate. Both use
    the same kind of cache: growing caches would sum in a different order."""
    model = hardware.place(of.build(row).eval().requires_grad_(False), of.device)
    if "source" in model.needs:
        return {}
    drawn: dict[str, torch.Tensor] = {}
    found: dict[str, Any] = {}
    for kind in ("graph", "eager"):
        by = recorder(of.device, kind == "graph")
        for _ in range(2):  # the first warms up
            seed_all(0, Stream.SAMPLE)
            hardware.synchronize(of.device)
            began = time.perf_counter()
            with torch.inference_mode(), drawing(of.device, by) as made:
                drawn[kind] = sampling.draw(model, 1, sampling.labels(model, of.data, 1, 0))
            hardware.synchronize(of.device)
            found[f"{kind}_ms"] = 1000 * (time.perf_counter() - began)
        if not made:
            return {}
        if kind == "graph":
            reasons = dict.fromkeys(each.reason for each in made if each.reason)
            found |= {"replayed": sum(each.replayed for each in made), "eager_because": "; ".join(reasons) or None}
    return {**found, "equal": torch.equal(drawn["eager"], drawn["graph"])}


def profiling(device: torch.device) -> profile:
    return profile(activities=[ProfilerActivity.CUDA if device.type == "cuda" else ProfilerActivity.CPU])


def kernels(profiler: profile, steps: int) -> dict[str, Any]:
    """The number of kernels per step and their milliseconds, with copies and fills. None on a CPU."""
    events = [e for e in profiler.events() or [] if str(e.device_type).endswith("CUDA")]
    if not events:
        return {"kernels": None, "kernel_ms": None}
    spent = sum(e.time_range.elapsed_us() for e in events)
    return {"kernels": round(len(events) / steps), "kernel_ms": spent / 1000 / steps}


def clean(device: torch.device) -> None:
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


HEADERS = (
    "row", "eager ms", "eager kernel ms", "graph ms", "speed-up", "images/s, eager", "images/s, graph", "kernel share",
    "host wait", "kernels", "graphs", "MB, eager", "MB, graph", "bits equal", "one image ms, eager",
    "one image ms, graph", "same image", "remark",
)  # fmt: skip


def markdown(result: dict[str, Any]) -> str:
    """The table; cells of figures that were not measured are empty."""
    about = ", ".join(f"{k}: {v}" for k, v in result["about"].items())
    lines = [f"# Training steps as CUDA graphs\n\n{about}\n"]
    if result["about"]["dry"]:
        lines.append("**Dry run on a CPU, with a stand-in for the graphs. The figures mean nothing.**\n")
    lines += ["| " + " | ".join(HEADERS) + " |", "|---" + "|---:" * (len(HEADERS) - 2) + "|---|"]
    for row, found in result["rows"].items():
        lines.append("| " + " | ".join(line(row, found)) + " |")
    return "\n".join([*lines, "", result["end"], ""])


def line(row: str, found: dict[str, Any]) -> list[str]:
    eager, graph, bits = (found.get(part, {}) for part in ("eager", "graph", "bits"))
    times = eager["ms"] / graph["ms"] if "ms" in eager and "ms" in graph else None
    remark = found.get("error") or graph.get("error") or eager.get("error") or bits.get("eager_because") or ""
    one = found.get("image", {})
    return [
        row, shown(eager.get("ms"), 2), shown(eager.get("kernel_ms"), 2), shown(graph.get("ms"), 2), shown(times, 1),
        shown(eager.get("images_per_second")), shown(graph.get("images_per_second")),
        shown(graph.get("kernel_share"), 2), shown(graph.get("wait"), 2), shown(graph.get("kernels")),
        shown(graph.get("graphs")), shown(eager.get("memory_mb")), shown(graph.get("memory_mb")),
        yes(bits), shown(one.get("eager_ms"), 1), shown(one.get("graph_ms"), 1), yes(one), remark.replace("|", "/"),
    ]  # fmt: skip


def yes(found: dict[str, Any]) -> str:
    return "" if "equal" not in found else "yes" if found["equal"] else "no"


def shown(value: float | None, digits: int = 0) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def measure(of: Setting, rows: list[str], minutes: float, write: Callable[[dict[str, Any], str], None]) -> None:
    """Measure every figure in turn and write it at once. Nothing starts once the time is up."""
    found: dict[str, Any] = {row: {} for row in rows}
    began = time.monotonic()
    jobs: list[tuple[str, str, Callable[[], dict[str, Any]]]] = [
        (row, "eager", lambda row=row: rate(of, row, record=False)) for row in rows
    ]
    for row in rows:
        jobs += [
            (row, "bits", lambda row=row: agree(of, row)),
            (row, "graph", lambda row=row: rate(of, row, record=True)),
            (row, "image", lambda row=row: images(of, row)),
        ]
    longest = 0.0
    for done, (row, part, work) in enumerate(jobs):
        started = time.monotonic()
        if started - began + longest > 60 * minutes:
            write(found, f"Cut off after {minutes:g} minutes: {done} of {len(jobs)} measurements.")
            return
        try:
            found[row][part] = work()
        except (RuntimeError, ValueError) as error:  # a row that fails stops no other row
            found[row]["error"] = " ".join(str(error).split())[:300]
        longest = max(longest, time.monotonic() - started)
        print(row, part, json.dumps(found[row].get(part, found[row].get("error"))), flush=True)
        write(found, f"So far: {done + 1} of {len(jobs)} measurements.")
    write(found, f"All {len(jobs)} measurements, in {(time.monotonic() - began) / 60:.1f} minutes.")


@contextmanager
def results(out: Path, about: dict[str, Any]) -> Iterator[Callable[[dict[str, Any], str], None]]:
    def write(rows: dict[str, Any], end: str) -> None:
        result = {"about": about, "rows": rows, "end": end}
        out.with_suffix(".json").write_text(json.dumps(result, indent=1))
        out.with_suffix(".md").write_text(markdown(result))

    yield write


def setting(dry: bool, device: torch.device, profile: str | None = None, shape: str | None = None) -> Setting:
    """A training set of noise in the given shape, and the rows of a profile."""
    name = profile or ("systems" if dry else "survey")
    c, h, w = (int(part) for part in (shape or ("1x32x32" if dry else "3x32x32")).split("x"))
    noise = torch.randint(0, 256, (4_000, h, w, c), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    data = ImageSet(noise, torch.arange(len(noise)) % 10, Spec((c, h, w), 10), 255 - noise)
    return Setting(settings.load(ROOT, name), name, data, device, DRY if dry else GPU)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Training steps as CUDA graphs: equality of bits, rates, kernel share."
    )
    parser.add_argument("--out", type=Path, default=Path("gpu"), help="output files, without extension")
    parser.add_argument("--profile", help="a profile in profiles/ (default: survey; dry: systems)")
    parser.add_argument("--shape", help="channels x height x width (default: 3x32x32; dry: 1x32x32)")
    parser.add_argument("--rows", nargs="*", help="only these rows, in this order")
    parser.add_argument("--minutes", type=float, default=12, help="time after which no measurement starts")
    parser.add_argument("--dry", action="store_true", help="a small run on a CPU, with a stand-in for graphs")
    args = parser.parse_args(arguments)
    device = torch.device("cpu") if args.dry else hardware.device()
    if device.type != "cuda" and not args.dry:
        raise SystemExit("there is no GPU here; give --dry to try the script on the CPU")
    hardware.be_deterministic(device)
    of = setting(args.dry, device, args.profile, args.shape)
    known = list(of.params.get_profile(of.profile).models)
    rows = args.rows or [*(row for row in FIRST if row in known), *(row for row in known if row not in FIRST)]
    rows = [row for row in rows if of.plan(row).kimg]  # the others have no training
    about = {
        "device": hardware.device_name(device), "torch": torch.__version__, "cuda": torch.version.cuda, "dry": args.dry,
        "profile": of.profile, "shape": " x ".join(map(str, of.data.spec.shape)),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }  # fmt: skip
    with results(args.out, about) as write:
        measure(of, rows, args.minutes, write)


if __name__ == "__main__":
    main()
