"""Recompute figures and verdicts of a finished project from its raw files, with numpy, pandas and scipy alone.

    python benchmarks/recompute.py PROJECT PROFILE DATASET ROW           metrics of a row's first seed
    python benchmarks/recompute.py PROJECT PROFILE DATASET --verdicts    the verdicts on claims, from runs and studies

Nothing is imported from Paragone. Images are read from .npy files and the judges' weights from their safetensors files;
networks, distances, intervals and rules are written out here. Compare the verdicts with those that `paragone claims
PROFILE --json` prints.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import linalg, ndimage, stats

Array = npt.NDArray[Any]


def main(arguments: list[str]) -> None:
    root, profile, dataset, what = Path(arguments[0]), *arguments[1:4]
    if what == "--verdicts":
        print(verdicts(root, profile, dataset).to_string(index=False))
    else:
        print(metrics(root, profile, dataset, what).to_string(float_format="%.9g"))


# the metrics


def metrics(root: Path, profile: str, dataset: str, row: str) -> pd.DataFrame:
    """The project's figures of a row's first seed, and those computed here."""
    run = sorted((root / "runs" / profile / dataset / row).glob("[0-9]*"))[0]
    said = json.loads((run / "metrics.json").read_text())
    space = said["spaces"][f"clf-{dataset}"]
    samples = np.load(run / "samples.npy")[: said["n"]]
    train, test = (np.load(root / "data/prepared" / dataset / split / "images.npy") for split in ("train", "test"))
    judges = sorted((root / "data/reference" / dataset / "classifier").glob("*.safetensors"))
    by_judge = [{kind: features(weights, images) for kind, images in
                 (("train", train), ("test", test), ("samples", samples))} for weights in judges]  # fmt: skip
    found = {
        "FD-clf": (space["fd"], np.mean([frechet(f["train"], f["samples"]) for f in by_judge])),
        "FD-clf to the test split": (space["fd_test"], np.mean([frechet(f["test"], f["samples"]) for f in by_judge])),
        "KID-clf": (space["kid"], np.mean([kernel(f["train"], f["samples"]) for f in by_judge])),
        "nearest training image, over test images'": (
            said["nearest_train"]["ratio"],
            middle(nearest(samples, train)) / middle(nearest(test, train)),
        ),
        "duplicates": (
            said["duplicates"]["rate"],
            np.mean(nearest(samples, None) < said["duplicates"]["threshold"]),
        ),
        "sharpness": (_sharpness(root, profile, dataset, row), laplacian(samples)),
    }
    return pd.DataFrame(found, index=["project", "here"]).T


def tensors(path: Path) -> dict[str, Array]:
    """The float32 tensors of a safetensors file: a length, a JSON header, the bytes."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    found = {}
    for name, about in header.items():
        if about.get("dtype") == "F32":
            start, end = (8 + length + offset for offset in about["data_offsets"])
            found[name] = np.frombuffer(data[start:end], "<f4").reshape(about["shape"])
    return found


def features(weights: Path, images: Array, block: int = 200) -> Array:
    """Features of images (N,H,W,1): pairs of 3x3 convolutions with batch norm and ReLU, each pair followed by 2x2 max
    pooling; then one linear layer with batch norm and ReLU."""
    w = tensors(weights)
    layers = sorted(int(name.split(".")[1]) for name in w if name.startswith("trunk.") and w[name].ndim == 4)
    parts = []
    for start in range(0, len(images), block):
        x = images[start : start + block].transpose(0, 3, 1, 2) / np.float32(127.5) - np.float32(1)
        for i, layer in enumerate(layers):
            x = normed(convolved(x, w[f"trunk.{layer}.weight"]), w, f"trunk.{layer + 1}")
            if i % 2:
                x = np.maximum(np.maximum(x[:, :, ::2, ::2], x[:, :, 1::2, ::2]),
                               np.maximum(x[:, :, ::2, 1::2], x[:, :, 1::2, 1::2]))  # fmt: skip
        flat = x.reshape(len(x), -1) @ w["embed.0.weight"].T + w["embed.0.bias"]
        parts.append(normed(flat, w, "embed.1"))
    return np.concatenate(parts).astype(np.float64)


def convolved(x: Array, weight: Array) -> Array:
    """Convolve (N,C,H,W) with (K,C,3,3), zero-padded."""
    n, c, h, wide = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    shifted = np.stack([padded[:, :, i : i + h, j : j + wide] for i in range(3) for j in range(3)], 2)  # (N,C,9,H,W)
    by_place = shifted.transpose(0, 3, 4, 1, 2).reshape(n * h * wide, c * 9)
    out = by_place @ weight.reshape(len(weight), c * 9).T
    return out.reshape(n, h, wide, -1).transpose(0, 3, 1, 2)


def normed(x: Array, w: dict[str, Array], name: str) -> Array:
    """Batch norm with running statistics, then ReLU."""
    shape = (1, -1, *[1] * (x.ndim - 2))
    scale = w[f"{name}.weight"] / np.sqrt(w[f"{name}.running_var"] + 1e-5)
    shift = w[f"{name}.bias"] - scale * w[f"{name}.running_mean"]
    return np.maximum(x * scale.reshape(shape) + shift.reshape(shape), 0)


def frechet(a: Array, b: Array) -> float:
    """Fréchet distance by the matrix square root of the product of covariances, as in Heusel et al. 2017."""
    s, t = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(s @ t)
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s + t) - 2 * np.trace(root).real)


def kernel(a: Array, b: Array) -> float:
    """The unbiased squared MMD with the kernel (a.b / D + 1)^3."""
    within = [((x @ x.T / x.shape[1] + 1) ** 3) for x in (a, b)]
    means = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in within]
    return float(means[0] + means[1] - 2 * ((a @ b.T / a.shape[1] + 1) ** 3).mean())


def nearest(images: Array, pool: Array | None) -> Array:
    """RMS difference (pixels in 0 to 1) to the nearest image of the pool, or to the nearest other image."""
    x = images.reshape(len(images), -1) / 255
    y = x if pool is None else pool.reshape(len(pool), -1) / 255
    squared = (x**2).sum(1)[:, None] + (y**2).sum(1) - 2 * x @ y.T
    if pool is None:
        np.fill_diagonal(squared, np.inf)
    at = squared.argmin(1)
    found: Array = np.sqrt(((x - y[at]) ** 2).mean(1))
    return found


def middle(values: Array) -> float:
    """The median; for an even number of values, the lower of the two middle ones, as in PyTorch."""
    return float(np.sort(values)[(len(values) - 1) // 2])


def laplacian(images: Array) -> float:
    """Mean variance of the Laplacian of grey images, without their border."""
    return float(np.mean([ndimage.laplace(image)[1:-1, 1:-1].var() for image in images[..., 0] / 255]))


def _sharpness(root: Path, profile: str, dataset: str, row: str) -> float:
    study = json.loads((root / "runs" / profile / "studies" / "sharpness.json").read_text())
    rows = study["datasets"][dataset]["rows"]
    return float(rows[row][0]["sharpness"]) if row in rows else float("nan")


# the verdicts


def verdicts(root: Path, profile: str, dataset: str) -> pd.DataFrame:
    """Every effect of the claims, its interval, and the verdict that the rule gives."""
    table = runs(root, profile, dataset)
    study = json.loads((root / "runs" / profile / "studies" / "sharpness.json").read_text())["datasets"][dataset]
    spaces = [c.removeprefix("fd ") for c in table if c.startswith("fd ")]

    def per_seed(column: str, row: str) -> Array:
        return table[table["row"] == row].sort_values("seed")[column].to_numpy(float)

    def blurs(row: str) -> Array:
        """The factor between the sharpness of samples and real images, in either direction."""
        by_seed = sorted(study["rows"][row], key=lambda run: run["seed"])
        return np.exp(np.abs(np.log([run["sharpness"] / study["real"]["sharpness"] for run in by_seed])))

    found = []
    for claim, worse, better in (("C01", "vae", "dcgan"), ("C03", "gan", "dcgan")):
        for space in spaces:
            pair = (per_seed(f"fd {space}", worse), per_seed(f"fd {space}", better))
            found.append((claim, f"FD ratio, {space}", *rule(ratio(*pair), 1.1, 1.0, 1.1)))
        found.append((claim, "sharpness", *rule(ratio(blurs(worse), blurs(better)), 1.1, 1.0, 1.1)))
    for claim, more, less in (("C02", "vae", "dcgan"), ("C04", "hgan", "dcgan")):
        for space in spaces:
            pair = (per_seed(f"coverage {space}", more), per_seed(f"coverage {space}", less))
            found.append((claim, f"coverage, {space}", *rule(difference(*pair), 0.02, 0.0, 0.02)))
    repeats = [per_seed("duplicates", row) for row in ("dcgan", "hgan")]
    if min(map(min, repeats)) > 0:
        found.append(("C04", "duplicates", *rule(ratio(*repeats), 1.1, 1.0, 1.1)))
    for plain, coded in (("autoencoder", "vq_vae_512_restarts"), ("autoencoder_2", "vq_vae_2_512")):
        lost = difference(per_seed("psnr", plain), per_seed("psnr", coded))
        found.append(("C18", f"PSNR lost, {coded}", *rule(lost, 1.0, 0.0, 0.5, most=3.0)))
    for few, many in (("vq_vae_32", "vq_vae_512"), ("vq_vae_2_32", "vq_vae_2_512")):
        fall = difference(per_seed("codes used", few), per_seed("codes used", many))
        found.append(("C19", f"share of codes, {many}", *rule(fall, 0.1, 0.0, 0.05)))
    return pd.DataFrame(found, columns=["claim", "effect", "value", "low", "high", "verdict"])


def runs(root: Path, profile: str, dataset: str) -> pd.DataFrame:
    """One line per run, from its metrics.json."""
    lines = []
    for file in sorted((root / "runs" / profile / dataset).glob("*/*/metrics.json")):
        said = json.loads(file.read_text())
        line = {"row": file.parts[-3], "seed": int(file.parts[-2]), "duplicates": said["duplicates"]["rate"]}
        for space, figures in said["spaces"].items():
            line |= {f"fd {space}": figures["fd"], f"coverage {space}": figures["coverage"]}
        line["psnr"] = said.get("reconstruction", {}).get("psnr")
        line["codes used"] = said.get("codebook", {}).get("used")
        lines.append(line)
    return pd.DataFrame(lines)


def difference(a: Array, b: Array) -> tuple[float, float, float]:
    """Mean of the paired differences, with Student's 95 % interval."""
    d = a - b
    half = stats.t.ppf(0.975, len(d) - 1) * stats.sem(d) if d.std() else np.inf
    return float(d.mean()), float(d.mean() - half), float(d.mean() + half)


def ratio(a: Array, b: Array) -> tuple[float, float, float]:
    """Geometric mean of the paired ratios, with the interval taken over logarithms."""
    value, low, high = np.exp(difference(np.log(a), np.log(b)))
    return float(value), float(low), float(high)


def rule(
    size: tuple[float, float, float], least: float, neutral: float, margin: float, most: float = np.inf
) -> tuple[float, float, float, str]:
    """The size and the verdict: supported from `least` (up to `most`), no effect within `margin`."""
    value, low, high = size
    mirrored = 1 / margin if neutral == 1 else 2 * neutral - margin
    if low > neutral:
        if most < np.inf:
            inside = low >= least and high <= most
            verdict = (
                "contradicted" if low > most else "smaller than claimed" if high < least
                else "supported" if inside else "too uncertain"
            )  # fmt: skip
        else:
            verdict = "supported" if value >= least else "smaller than claimed"
    elif mirrored <= low and high <= margin:
        verdict = "no effect"
    else:
        verdict = "contradicted" if high < neutral else "too uncertain"
    return value, low, high, verdict


if __name__ == "__main__":
    main(sys.argv[1:])
