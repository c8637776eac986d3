from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from scipy import ndimage

from paragone.data.base import ImageSet, load
from paragone.data.datasets import multi_shapes, paired, shapes
from paragone.data.datasets.paired import edges, low, luma, masked
from paragone.project import files, paths
from paragone.project.params import Dataset, Params
from paragone.stages import ingest, validate
from support import picture_files

BASE = Dataset(loader="shapes", source="generated", resolution=16, options={"n_train": 60, "n_test": 12})
GREY = Dataset(loader="image_folder", source="local", path="own", resolution=16, options={"grey": True})


def _prepare(root: Path, base: Dataset = BASE, resolution: int = 16, **options: object) -> dict[str, object]:
    """`base` prepared, and `pairs` made from it."""
    entry = Dataset(loader="paired", source="local", path="data/prepared/base", resolution=resolution, options=options)
    params = Params.model_construct(profile="none", profiles={}, datasets={"base": base, "pairs": entry})
    if not (root / paths.prepared("base")).exists():
        ingest.run(root, params, "base")
    ingest.run(root, params, "pairs")
    facts: dict[str, object] = files.read_json(root / paths.prepared("pairs") / "dataset.json")
    return facts


def _loaded(root: Path, name: str, split: str) -> ImageSet:
    return load(root / paths.prepared(name), split)


@pytest.mark.parametrize("how", ["edges", "grey", "low", "mask"])
def test_images_stay_and_sources_are_beside_them(tmp_path: Path, how: str) -> None:
    facts = _prepare(tmp_path, how=how)
    base = files.read_json(tmp_path / paths.prepared("base") / "dataset.json")
    assert facts["class_names"] == base["class_names"]
    assert facts["sources"] == "paired"
    assert facts["source_counts"] == facts["counts"] == {"train": 60, "test": 12}
    for split in ("train", "test"):
        pairs, origin = _loaded(tmp_path, "pairs", split), _loaded(tmp_path, "base", split)
        assert pairs.paired
        np.testing.assert_array_equal(pairs.images, origin.images)
        np.testing.assert_array_equal(pairs.labels, origin.labels)
        assert pairs.sources is not None
        expected = paired.source(origin.images.numpy(), {**paired.DEFAULTS, "how": how}, {})
        np.testing.assert_array_equal(pairs.sources, expected)
        assert (pairs.sources != pairs.images).any()


@pytest.mark.parametrize("loader", ["shapes", "multi_shapes"])
def test_boxes_are_those_of_the_figures(tmp_path: Path, loader: str) -> None:
    base = Dataset(loader=loader, source="generated", resolution=32, options={"n_train": 24, "n_test": 12})
    _prepare(tmp_path, base, 32, how="boxes")
    table = pq.read_table(tmp_path / paths.prepared("pairs") / "manifest.parquet").to_pandas()
    for split in ("train", "test"):
        sources = _loaded(tmp_path, "pairs", split).sources
        assert sources is not None
        rows = table[table["split"] == split]
        for image, (_, row) in zip(sources.numpy(), rows.iterrows(), strict=True):
            expected = np.zeros((32, 32, 3), np.uint8)
            for k in ("",) if loader == "shapes" else (f"{i}_" for i in range(row["attribute_count"])):
                figure = {name: np.array([row[f"attribute_{k}{name}"]]) for name in multi_shapes.FACTORS}
                size = (shapes.RADIUS, shapes.RADIUS_STEP) if loader == "shapes" else (0.10, 0.012)
                y, x = np.nonzero(shapes.coverage(figure, 32, *size)[0] >= 0.5)
                expected[y.min() : y.max() + 1, x.min() : x.max() + 1] = shapes.COLOURS[figure["shape"][0]]
            np.testing.assert_array_equal(image, expected)


def test_validated_with_its_sources(tmp_path: Path) -> None:
    _prepare(tmp_path, how="edges")
    params = Params.model_construct(profile="none", profiles={}, datasets={"pairs": BASE})
    validate.run(tmp_path, params, "pairs")
    file = tmp_path / paths.prepared("pairs") / "test" / "sources.npy"
    changed = np.load(file)
    changed[3, 0, 0, 0] ^= 1
    np.save(file, changed)
    with pytest.raises(validate.ValidationError, match="they were changed"):
        validate.run(tmp_path, params, "pairs")


def test_content_follows_the_sources(tmp_path: Path) -> None:
    hashes = [_prepare(tmp_path, how=how)["content_hash"] for how in ("edges", "grey", "edges")]
    assert hashes[0] == hashes[2] != hashes[1]


def test_random_holes_are_attributes_and_follow_the_seed(tmp_path: Path) -> None:
    places = []
    for seed in (0, 0, 1):
        _prepare(tmp_path, how="mask", hole="random", seed=seed)
        table = pq.read_table(tmp_path / paths.prepared("pairs") / "manifest.parquet")
        x, y = (table[f"attribute_hole_{axis}"].to_numpy() for axis in "xy")
        places.append((x.tolist(), y.tolist()))
        assert x.min() >= 0
        assert x.max() <= 8
        assert len(set(zip(x, y, strict=True))) > 30
        sources = _loaded(tmp_path, "pairs", "train").sources
        assert sources is not None
        for i in range(60):
            hole = sources[i, y[i] : y[i] + 8, x[i] : x[i] + 8]
            assert (hole == paired.HOLE).all()
    assert places[0] == places[1] != places[2]


def test_edges_agree_with_scipy() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (3, 9, 7), np.uint8)
    for image, found in zip(grey.astype(float), edges(grey), strict=True):
        length = np.hypot(ndimage.sobel(image, 0, mode="nearest"), ndimage.sobel(image, 1, mode="nearest")) / 4
        np.testing.assert_allclose(found, 255 - np.minimum(length, 255), atol=0.501)
    step = np.zeros((1, 4, 6), np.uint8)
    step[..., 3:] = 255
    assert edges(step)[0, 1].tolist() == [255, 255, 0, 0, 255, 255]


def test_luma_agrees_with_pillow_and_low_with_means() -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 12, 12, 3), np.uint8)
    for image, grey in zip(images, luma(images), strict=True):
        theirs = np.asarray(Image.fromarray(image).convert("L"))
        assert np.abs(grey.astype(int) - theirs).max() <= 1
    block = images[:, 4:8, 8:12].astype(float).mean((1, 2))
    coarse = low(images, 4)
    np.testing.assert_allclose(coarse[:, 4, 8], block, atol=0.501)
    assert (coarse[:, 4:8, 8:12] == coarse[:, 4:5, 8:9]).all()


def test_a_hole_is_a_quarter_of_the_image() -> None:
    images = np.full((2, 8, 8, 1), 7, np.uint8)
    found = masked(images, np.array([0, 4]), np.array([2, 4]))
    assert ((found == 128).sum((1, 2, 3)) == 16).all()
    assert (found[0, 2:6, 0:4] == 128).all()
    assert (found[1, 4:, 4:] == 128).all()


@pytest.mark.parametrize(
    ("base", "resolution", "options", "message"),
    [
        (BASE, 32, {}, "resolution: 32, and base was prepared at 16; give both the same$"),
        (BASE, 16, {"how": "blur"}, "options.how: 'blur' is not one of edges, grey, low, mask, boxes; correct it$"),
        (BASE, 16, {"how": "low", "factor": 3}, "options.factor: 3 does not divide the side of 16 into blocks; take"),
        (BASE, 16, {"how": "low", "factor": 0}, "options.factor: 0 does not divide the side"),
        (GREY, 16, {"how": "boxes"}, "options.how: boxes needs a set that draws figures, and base is none; choose sha"),
        (GREY, 16, {"how": "grey"}, "options.how: grey needs colour, and base has none; choose another source$"),
    ],
)
def test_what_cannot_be_made(
    tmp_path: Path, base: Dataset, resolution: int, options: dict[str, object], message: str
) -> None:
    picture_files.write_folder(tmp_path / "own", picture_files.class_folders())
    with pytest.raises(ValueError, match=rf"^params\.yaml: {message}"):
        _prepare(tmp_path, base, resolution, **options)
    assert not (tmp_path / paths.prepared("pairs")).exists()


def test_a_folder_that_is_no_prepared_set_or_the_set_itself(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    entry = Dataset(loader="paired", source="local", path="data", resolution=16)
    params = Params.model_construct(profile="none", profiles={}, datasets={"pairs": entry})
    with pytest.raises(ValueError, match="data: is no prepared data set; give `path:` data/prepared/<name> of another"):
        ingest.run(tmp_path, params, "pairs")
    _prepare(tmp_path)
    settings = entry.model_copy(update={"path": "data/prepared/pairs"})
    params = Params.model_construct(profile="none", profiles={}, datasets={"pairs": settings})
    with pytest.raises(ValueError, match=r"path: a set cannot be made from itself \(pairs\); name another one"):
        ingest.run(tmp_path, params, "pairs")
