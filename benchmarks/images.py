"""Memory and open files while a large set of images is prepared.

    python benchmarks/images.py --count 200000

The files are links to a few hundred small pictures, in ten class folders. All processes count.
"""

import argparse
import contextlib
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support import picture_files

EVERY, DIFFERENT, CLASSES = 1.0, 400, 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200_000)
    count = parser.parse_args().count
    with TemporaryDirectory() as folder:
        root = Path(folder)
        _write(root / "pictures", count)
        over, seen = threading.Event(), list[tuple[float, float, int]]()
        watch = threading.Thread(target=_watch, args=[over, seen])
        watch.start()
        began = time.monotonic()
        facts = picture_files.prepare(root, loader="image_folder", path="pictures", resolution=8)
        seconds = time.monotonic() - began
        over.set()
        watch.join()
    print(f"{sum(facts['counts'].values()):,} images in {seconds:.0f} s")
    for share in (0.1, 0.25, 0.5, 0.75, 1.0):
        _, memory, files = seen[min(int(share * len(seen)), len(seen) - 1)]
        print(f"after {share:4.0%} of the time: {memory:6.0f} MB, {files} open files")
    print(f"at most: {max(m for _, m, _ in seen):.0f} MB, {max(f for *_, f in seen)} open files")


def _write(folder: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    sources = []
    for i in range(DIFFERENT):
        sources.append(folder / f"{i % CLASSES}/{i:07}.png")
        sources[-1].parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(sources[-1])
    for i in range(DIFFERENT, count):
        (folder / f"{i % CLASSES}/{i:07}.png").hardlink_to(sources[i % DIFFERENT])


def _watch(over: threading.Event, seen: list[tuple[float, float, int]]) -> None:
    """Seconds, memory in MB (shared pages divided) and open files of this process and its children."""
    this = psutil.Process()
    while not over.wait(EVERY):
        memory, files = 0.0, 0
        for process in (this, *this.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                memory += process.memory_full_info().pss / 1e6
                files += process.num_fds()
        seen.append((time.monotonic(), memory, files))


if __name__ == "__main__":
    main()
