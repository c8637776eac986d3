"""The study of watermarks: read back where nothing happened, not seen where none is, lost where the picture is."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from paragone.evaluation.studies import watermark
from paragone.project import files, paths
from paragone.project.params import Params
from paragone.stages import study
from support import square_images

pytest.importorskip("cv2", reason="OpenCV needs libGL.so.1", exc_type=ImportError)
OPTIONS = {"rows": ["vae"], "sheets": 2}
METHOD, STRENGTH = watermark.DEFAULT


@pytest.fixture(scope="module")
def photographs() -> list[watermark.Pixels]:
    """Sheets of soft coloured noise: neither flat nor harsh."""
    draw = np.random.default_rng(0)
    small = draw.integers(60, 200, (4, 32, 32, 3), dtype=np.uint8)
    return [np.asarray(Image.fromarray(s).resize((256, 256), Image.Resampling.BICUBIC)) for s in small]


def right(sheet: watermark.Pixels, bits: watermark.Bits) -> float:
    return float((watermark.read(sheet, len(bits), METHOD, STRENGTH) == bits).mean())


def test_tiles_keep_their_place() -> None:
    images = np.random.default_rng(0).integers(0, 256, (130, 32, 32, 1), dtype=np.uint8)
    found = watermark.sheets(images)
    assert [sheet.shape for sheet in found] == [(256, 256, 3)] * 2
    np.testing.assert_array_equal(found[1][32:64, 96:128, 2], images[64 + 8 + 3, :, :, 0])
    with pytest.raises(ValueError, match="63 images of 32x32 do not fill a sheet of 8x8"):
        watermark.sheets(images[:63])
    assert watermark.sheets(np.zeros((16, 64, 64, 3), np.uint8))[0].shape == (256, 256, 3)


@pytest.mark.parametrize("method", ["dwtDct", "dwtDctSvd", "corrected"])
def test_a_mark_is_read_back_and_hardly_seen(photographs: list[watermark.Pixels], method: str) -> None:
    bits = watermark.payload(0, 32)
    marked = watermark.embed(photographs[0], bits, method, STRENGTH)
    assert (watermark.read(marked, 32, method, STRENGTH) == bits).mean() > 0.9
    assert 0 < np.abs(marked.astype(int) - photographs[0]).mean() < 8


def test_unmarked_pictures_pass_at_the_rate_that_was_asked_for(photographs: list[watermark.Pixels]) -> None:
    found = watermark._threshold(photographs, watermark.Options(rate=0.05))
    assert found["n"] == len(photographs) * len(watermark.CHANGES) * watermark.KEYS
    assert found["binomial"] == pytest.approx(found["false_positives"], abs=0.02)
    assert 0.02 < found["false_positives"] < 0.07
    stricter = watermark._threshold(photographs, watermark.Options(rate=0.001))
    assert stricter["bits"] > found["bits"]


def test_a_picture_that_is_gone_has_no_mark(photographs: list[watermark.Pixels]) -> None:
    bits = watermark.payload(1, 32)
    marked = watermark.embed(photographs[1], bits, METHOD, STRENGTH)
    assert right(marked, bits) > 0.95
    assert right(np.full_like(marked, 128), bits) < 0.75
    assert right(watermark.CHANGES["crop 0.75"](marked), bits) < right(marked, bits)


def test_a_stronger_mark_costs_more(photographs: list[watermark.Pixels]) -> None:
    keys = [watermark.payload(i, 32) for i in range(2)]
    weak, strong = (watermark._marked(photographs[:2], keys, (METHOD, strength), 24) for strength in (12, 108))
    assert np.mean(weak["psnr"]) > np.mean(strong["psnr"]) + 3
    assert weak["changes"]["jpeg 50"]["accuracy"] <= strong["changes"]["jpeg 50"]["accuracy"]


@pytest.mark.parametrize("name", watermark.CHANGES)
def test_changes_keep_the_size(name: str, photographs: list[watermark.Pixels]) -> None:
    changed = watermark.CHANGES[name](photographs[0])
    assert changed.shape == photographs[0].shape
    assert changed.dtype == np.uint8
    assert np.array_equal(changed, photographs[0]) == (name == "none")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Test images and samples enough for two sheets."""
    root = tmp_path_factory.mktemp("project")
    square_images.prepare(root, test=150)
    (root / square_images.RUN.folder).mkdir(parents=True)
    np.save(root / square_images.RUN.samples, square_images.squares("test", 130, False).images)
    return root


def params(**options: object) -> Params:
    return square_images.params(studies={"watermark": OPTIONS | options})


def test_the_study_states_its_counts(project: Path) -> None:
    study.run(project, params(), "small", "watermark")
    found = files.read_json(project / paths.study("small", "watermark"))
    sheets = found["datasets"]["squares"]["sheets"]
    assert set(sheets) == {"real", "vae"}
    assert found["threshold"]["sheets"] == 4
    default = next(m for m in sheets["vae"] if [m["method"], m["strength"]] == found["default"])
    assert len(default["psnr"]) == default["changes"]["none"]["n"] == 2
    assert default["changes"]["none"]["detected"] == 2


def test_the_default_strength_is_asked_for(project: Path) -> None:
    with pytest.raises(ValueError, match=r"studies\.watermark\.strengths: \[12\] lacks the library's default, 36"):
        study.run(project, params(strengths=[12]), "small", "watermark")


def test_a_row_that_does_not_exist_is_named(project: Path) -> None:
    with pytest.raises(ValueError, match=r"profiles/small\.yaml: studies: there is no row 'gan'"):
        study.run(project, params(rows=["gan"]), "small", "watermark")
