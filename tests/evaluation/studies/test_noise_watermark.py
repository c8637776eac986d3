"""The study of marks in the noise: rings are set and read back, and noise without them passes for none."""

from pathlib import Path
from typing import Any

import pytest
import torch

from paragone.evaluation.studies import noise_watermark
from paragone.models.base import Spec
from paragone.models.diffusion.ddim import DDIM
from paragone.models.diffusion.ddpm import DDPM
from paragone.project import files, paths
from paragone.project.params import Params
from paragone.stages import classifier, reference, study, train
from support import square_images

SMALL = {
    "width": 16,
    "multipliers": [1, 2],
    "blocks": 1,
    "attention": [],
    "patch": 2,
    "timesteps": 20,
    "schedule": "cosine",
}
MODELS = {
    "vae": square_images.VAE,
    "ddpm": {"plan": {"kimg": 0.2, "batch": 16}, "config": SMALL},
    "ddim": {"config": {"steps": 6}, "parents": {"ddpm": "ddpm"}},
}


def params(**options: object) -> Params:
    studies = {"noise_watermark": {"n": 12, "inner": 2, "radius": 4} | options}
    return square_images.params(models=MODELS, studies=studies)


def noise(n: int) -> torch.Tensor:
    return torch.randn(n, 1, 32, 32, generator=torch.Generator().manual_seed(n))


def test_the_rings_of_marked_noise_hold_the_key_and_the_rest_is_as_it_was() -> None:
    plain = noise(3)
    ring, values = rings = noise_watermark.key(noise(1)[0], 2, 5)
    marked = noise_watermark.mark(plain, rings)
    before, after = (torch.fft.fftshift(torch.fft.fft2(x), dim=(-2, -1)) for x in (plain, marked))
    inside = ring > 0
    assert torch.allclose(after[:, :, inside].real, values[:, inside].expand(3, -1, -1), atol=1e-3)
    assert after[:, :, inside].imag.abs().max() < 1e-3
    assert torch.allclose(after[:, :, ~inside], before[:, :, ~inside], atol=1e-3)
    assert len({round(float(v), 4) for v in values[0][inside]}) == 4  # one value a ring
    assert inside.sum() == sum(
        1 for y in range(-16, 16) for x in range(-16, 16) if 2 <= round((x * x + y * y) ** 0.5) <= 5
    )


def test_noise_is_found_again_where_nothing_is_learned() -> None:
    """An epsilon of 0 makes the steps linear, so running them backwards is exact but for rounding to grey levels."""
    torch.manual_seed(0)
    spec = Spec((1, 32, 32), 0)
    parent = DDPM(DDPM.Config(**SMALL), spec)
    for p in parent.parameters():
        p.data.zero_()
    model = DDIM(DDIM.Config(steps=6), spec, ddpm=parent).eval()
    x = 0.2 * parent.process.signal[-1] * noise(4)  # small: nothing is clipped
    images = noise_watermark._drawn(model, x)
    assert images.shape == (4, 32, 32, 1)
    found = noise_watermark.invert(model, images)
    assert float(torch.corrcoef(torch.stack([found.flatten(), x.flatten()]))[0, 1]) > 0.9


def test_changes_keep_the_form_of_grey_and_coloured_images() -> None:
    grey = torch.randint(0, 256, (2, 32, 32, 1), dtype=torch.uint8)
    for change in noise_watermark.CHANGES:
        assert noise_watermark._changed(grey, change).shape == grey.shape
    assert torch.equal(noise_watermark._changed(grey, "none"), grey)
    colour = grey.expand(-1, -1, -1, 3)
    assert torch.equal(noise_watermark._changed(colour, "none"), colour)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("project")
    square_images.prepare(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("paragone.evaluation.extractors.classifier.KIMG", 2.0)
        classifier.run(root, params(), "squares")
    reference.run(root, params(), "small", "squares")
    for row in ("ddpm", "ddim"):
        train.run(root, params(), "small", "squares", row, 0)
    study.run(root, params(), "small", "noise_watermark")
    with pytest.raises(ValueError, match=r"squares: row 'ddpm' is no deterministic DDIM \(eta 0\); name one as `row`"):
        study.run(root, params(row="ddpm"), "small", "noise_watermark")
    return files.read_json(root / paths.study("small", "noise_watermark"))


def test_marked_and_unmarked_images_are_counted(found: dict[str, Any]) -> None:
    (run,) = found["datasets"]["squares"]["runs"]
    assert set(run["changes"]) == set(noise_watermark.CHANGES)
    assert {(c["n"], c["n_unmarked"]) for c in run["changes"].values()} == {(12, 6)}
    assert all(c["passed"] <= c["n_unmarked"] for c in run["changes"].values())
    assert run["fd"]["marked"] > 0 < run["fd"]["unmarked"]


def test_options_that_make_no_sense_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"n, inner, radius and rate are 5, 2, 4, 0\.01; give 10 or more, rings"):
        study.run(tmp_path, params(n=5), "small", "noise_watermark")
