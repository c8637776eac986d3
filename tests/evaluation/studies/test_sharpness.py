"""The study of sharpness: the filter is scikit-image's, blur lowers it, and diverged runs are left out."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from skimage.color import rgb2gray
from skimage.filters import laplace

from paragone.evaluation.studies import sharpness
from paragone.project import files, paths
from paragone.stages import study
from support import square_images


@pytest.mark.parametrize("channels", [1, 3])
def test_it_is_the_variance_of_the_laplacian(channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, channels), dtype=np.uint8)
    grey = [rgb2gray(i, channel_axis=-1) if channels == 3 else i[..., 0] / 255 for i in images]
    assert sharpness.sharpness(images) == pytest.approx([laplace(g)[1:-1, 1:-1].var() for g in grey])


def test_blur_lowers_it() -> None:
    images = square_images.squares("test", 20, labelled=False).images
    blurred = ndimage.gaussian_filter(images, (0, 1, 1, 0))
    assert (sharpness.sharpness(blurred) < 0.5 * sharpness.sharpness(images)).all()


def test_a_row_has_a_figure_a_seed_and_diverged_runs_none(tmp_path: Path) -> None:
    square_images.prepare(tmp_path)
    params = square_images.params(seeds=[0, 1], studies={"sharpness": {"rows": ["vae"], "n": 10}})
    real = np.load(tmp_path / paths.prepared("squares") / "test/images.npy")
    for seed, samples in ((0, real[:12]), (1, real[:0])):
        file = tmp_path / paths.Run("small", "squares", "vae", seed).samples
        file.parent.mkdir(parents=True)
        np.save(file, samples)
    study.run(tmp_path, params, "small", "sharpness")
    found = files.read_json(tmp_path / paths.study("small", "sharpness"))["datasets"]["squares"]
    assert found["rows"] == {"vae": [{"seed": 0, "n": 10, "sharpness": found["real"]["sharpness"]}]}
