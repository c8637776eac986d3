"""Preparing CelebA: Paragone's `ingest` against a hand-written loop of Pillow calls.

The pictures are synthetic, in CelebA's layout and size (178 x 218 JPEGs of about 7 kB). The loop opens, crops and
resizes them and stores one array. Ours also checks the annotations, describes and hashes every image, and writes the
manifest. Both give the same pixels.
"""

import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import harness
import numpy as np
import psutil
from PIL import Image

from paragone.data.celeba_annotations import SIZE
from paragone.data.datasets import celeba
from paragone.project import paths
from paragone.project.params import Dataset, Params
from paragone.stages import ingest

sys.path.insert(0, str(harness.HERE.parent / "tests"))
from support import celeba_files

COUNT = 20_000  # pictures
SIDE, CROP = 64, "centre-178"
WATCH = 0.1  # seconds between two samples of the memory


def draw(folder: Path, count: int) -> Path:
    """A CelebA folder of `count` pictures: one synthetic picture, each time with a different shift and noise."""
    random = np.random.default_rng(0)
    coarse = Image.fromarray(random.integers(0, 256, (7, 6, 3), np.uint8)).resize(SIZE, Image.Resampling.BICUBIC)
    noise = random.normal(0, 3.5, (4 * SIZE[1], 4 * SIZE[0], 1))
    (folder / "img_align_celeba").mkdir(parents=True)
    names = []
    for i in range(count):
        y, x = random.integers(0, 3 * SIZE[1]), random.integers(0, 3 * SIZE[0])
        moved = np.roll(np.asarray(coarse), (int(y), int(x)), (0, 1))
        pixels = (moved + noise[y : y + SIZE[1], x : x + SIZE[0]]).clip(0, 255).astype(np.uint8)
        names.append(f"{i + 1:06}.jpg")
        Image.fromarray(pixels).save(folder / "img_align_celeba" / names[-1], "JPEG", quality=85)
    for name, text in celeba_files.annotations(names).items():
        (folder / name).write_text(text)
    return folder


def zipped(folder: Path, out: Path) -> Path:
    out.mkdir()
    with zipfile.ZipFile(out / celeba.ZIP, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted((folder / "img_align_celeba").iterdir()):
            archive.write(file, f"img_align_celeba/{file.name}")
    for file in folder.glob("*.txt"):
        (out / file.name).write_bytes(file.read_bytes())
    return out


def prepare(root: Path, source: Path) -> Path:
    """What `paragone ingest` does."""
    options = {"crop": CROP}
    entry = Dataset(loader="celeba", source="local", path=str(source), resolution=SIDE, options=options)
    ingest.run(root, Params.model_construct(profile="", profiles={}, datasets={"celeba": entry}), "celeba")
    return root / paths.prepared("celeba")


def by_hand(source: Path, out: Path) -> None:
    """The pictures of all partitions but validation, as in ours, in the order of their names."""
    images = []
    for line in (source / "list_eval_partition.txt").read_text().splitlines():
        name, partition = line.split()
        if partition != "1":
            with Image.open(source / "img_align_celeba" / name) as image:
                cut = image.crop(celeba.CROPS[CROP])
                images.append(np.asarray(cut.resize((SIDE, SIDE), Image.Resampling.BILINEAR)))
    np.save(out, np.stack(images))


def watch(root: Path, source: Path) -> dict[str, float]:
    """Prepare in a process of its own; its seconds, CPU-seconds and peak memory, workers included."""
    code = "import sys; sys.path[:0] = sys.argv[1:2]; import celeba; from pathlib import Path; "
    code += "celeba.prepare(Path(sys.argv[2]), Path(sys.argv[3]))"
    started = time.perf_counter()
    command = [sys.executable, "-c", code, str(harness.HERE), str(root), str(source)]
    process = psutil.Popen(command, stderr=subprocess.DEVNULL)
    most = cpu = 0.0
    while process.poll() is None:
        try:
            all_ = [process, *process.children(recursive=True)]
            most = max(most, sum(p.memory_full_info().uss for p in all_))
            cpu = max(cpu, sum(sum(p.cpu_times()[:2]) for p in all_))
        except psutil.Error:  # a process ended in the meantime
            pass
        time.sleep(WATCH)
    if process.returncode:
        raise SystemExit(f"preparing {source} failed (exit code {process.returncode})")
    return {"seconds": time.perf_counter() - started, "cpu_seconds": cpu, "peak_bytes": most}


def measure(rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = draw(folder / "source", COUNT)
        archive = zipped(source, folder / "source-zip")

        def ours(kind: str, path: Path) -> int:
            prepare(folder / kind, path)
            return COUNT

        def theirs() -> int:
            by_hand(source, folder / "by_hand.npy")
            return COUNT

        sides = {"ours": lambda: ours("folder", source), "zip": lambda: ours("zip", archive), "by hand": theirs}
        timings = harness.interleave(sides, rounds)
        _agree(folder)
        few, all_ = watch(folder / "few", draw(folder / "tenth", COUNT // 10)), watch(folder / "all", source)
        size = sum(f.stat().st_size for f in source.rglob("*.jpg")) / COUNT
    return {
        "title": "Preparing CelebA",
        "peer": "a loop of Pillow calls",
        "setting": f"{COUNT:,} synthetic JPEGs of 178 x 218 ({size / 1000:.1f} kB each), crop {CROP}, {SIDE} px. Ours "
        "uses all cores (the loop uses one), checks the annotations, describes and hashes every image, and resumes "
        f"after a kill. In a process of its own it took {all_['cpu_seconds']:.0f} CPU-seconds and at most "
        f"{all_['peak_bytes'] / 2**20:.0f} MiB, workers included; for a tenth of the pictures, at most "
        f"{few['peak_bytes'] / 2**20:.0f} MiB",
        "versions": harness.versions("pillow"),
        **harness.summarise(
            timings,
            [
                harness.Pair("ours", "by hand", "a folder of pictures"),
                harness.Pair(
                    "zip", "by hand", "img_align_celeba.zip, read without unpacking; the loop reads the folder"
                ),
            ],
        ),
    }


def _agree(folder: Path) -> None:
    split = [np.load(folder / "folder" / paths.prepared("celeba") / s / "images.npy") for s in ("train", "test")]
    if not np.array_equal(np.concatenate(split), np.load(folder / "by_hand.npy")):
        raise SystemExit("the two sides give different pixels")


if __name__ == "__main__":
    del sys.modules["__main__"].__file__  # or each worker would import this large module
    harness.main(measure)
