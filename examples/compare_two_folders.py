"""Compare two folders of your own samples: which is closer to the real images, and by how much?

    python examples/compare_two_folders.py samples-a samples-b

The folders hold image files of digits, 28 x 28 or 32 x 32; without them, two are made here: real test digits that were
blurred, and real test digits with noise. Both are scored against 4,000 real training digits in the features of
EfficientNet-Lite0; the first row of the table is what real images get.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

SAMPLES = 200  # of each folder; a folder may hold more
PROFILE = f"extends: first\nabout: Two folders.\nsamples: {SAMPLES}\nspaces: [lite0]\n"


def paragone(*arguments: str, cwd: Path) -> None:
    """Run a command of Paragone, and stop where it fails."""
    subprocess.run([sys.executable, "-m", "paragone", *arguments], cwd=cwd, check=True)


def make(project: Path) -> list[Path]:
    """Two folders of samples for whoever has none."""
    digits = np.load(project / "data/prepared/mnist-5k/test/images.npy")[: SAMPLES + 50, ..., 0]
    noise = np.random.default_rng(0).normal(0, 25, digits.shape)
    noisy = np.clip(digits + noise, 0, 255).astype(np.uint8)
    made = {"blurred": [Image.fromarray(d).filter(ImageFilter.GaussianBlur(1)) for d in digits],
            "noisy": [Image.fromarray(d) for d in noisy]}  # fmt: skip
    for name, images in made.items():
        (project / name).mkdir()
        for i, image in enumerate(images):
            image.save(project / name / f"{i:04d}.png")
    return [project / name for name in made]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "comparison"
        paragone("init", str(project), cwd=Path(folder))
        (project / "profiles/two.yaml").write_text(PROFILE)
        paragone("ingest", "mnist-5k", cwd=project)
        paragone("reference", "two", "mnist-5k", cwd=project)
        a, b = [Path(name).resolve() for name in sys.argv[1:3]] or make(project)
        options = ["--dataset", "mnist-5k", "--profile", "two", "--title", a.name, "--against", str(b)]
        paragone("score", str(a), *options, cwd=project)


if __name__ == "__main__":
    main()
