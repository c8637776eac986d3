import base64
import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from paragone.data import prepare
from paragone.data.base import MANIFEST, Part, Upstream
from paragone.data.datasets import mnist
from paragone.project import files, paths
from paragone.project.params import Dataset, Params
from paragone.report import site, tables
from paragone.report.pages.base import Report
from paragone.results import runs
from paragone.stages import validate
from paragone.stages.validate import ValidationError
from support import idx_files

NAME = "digits"
PARAMS = Params.model_construct(
    profile="none", profiles={}, datasets={NAME: Dataset(loader="mnist", source="local", path="files")}
)
TRAIN, TEST = 80, 40
FACTS = {"name": NAME, "title": "MNIST", "loader": "mnist", "source": "local"}


def _parts() -> dict[str, Part]:
    images, labels = idx_files.digits()
    rows = {"train": slice(0, TRAIN), "test": slice(TRAIN, TRAIN + TEST)}
    return {
        split: Part(split, images[s][..., None].copy(), labels[s].copy(), f"{split}.gz", np.arange(s.stop - s.start))
        for split, s in rows.items()
    }


def _prepare(root: Path, parts: dict[str, Part]) -> None:
    prepare.write(root / paths.prepared(NAME), Upstream(parts.values(), exact=False), mnist.LOADER, 32, FACTS)


def _edit(root: Path, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Change the manifest, keeping its schema."""
    file = root / paths.prepared(NAME) / "manifest.parquet"
    table = edit(pq.read_table(file).to_pandas())
    pq.write_table(pa.Table.from_pandas(table, schema=MANIFEST, preserve_index=False), file)


def _failure(root: Path) -> tuple[str, dict[str, Any]]:
    """Run the stage, which must fail: its one sentence, and the result it leaves."""
    with pytest.raises(ValidationError) as error:
        validate.run(root, PARAMS, NAME)
    result = root / paths.validation(NAME)
    assert not result.exists()
    failed = files.read_json(result.with_suffix(".failed.json"))
    assert not failed["success"]
    assert "\n" not in str(error.value)
    assert "paragone ingest digits" in str(error.value)
    return str(error.value), failed


def _critical(failed: dict[str, Any]) -> list[str]:
    return [c["about"] for c in failed["checks"] if not c["success"] and c["severity"] == "critical"]


def test_good_data_pass_and_the_result_repeats(tmp_path: Path) -> None:
    _prepare(tmp_path, _parts())
    validate.run(tmp_path, PARAMS, NAME)
    file = tmp_path / paths.validation(NAME)
    first = file.read_bytes()
    result = files.read_json(file)
    assert result["success"]
    assert result["warnings"] == []
    assert len(result["checks"]) > 20
    assert all(check["success"] for check in result["checks"])
    validate.run(tmp_path, PARAMS, NAME)
    assert file.read_bytes() == first
    assert (file.parent / "docs" / NAME / "index.html").is_file()
    assert sorted(f.name for f in file.parent.iterdir()) == [f"{NAME}.json", "docs"]


def test_success_removes_the_failed_result_and_failure_the_good_one(tmp_path: Path) -> None:
    _prepare(tmp_path, _parts())
    validate.run(tmp_path, PARAMS, NAME)
    parts = _parts()
    parts["test"].images[3] = 0
    _prepare(tmp_path, parts)
    _failure(tmp_path)
    _prepare(tmp_path, _parts())
    validate.run(tmp_path, PARAMS, NAME)
    assert not (tmp_path / paths.validation(NAME)).with_suffix(".failed.json").exists()


def _label_12(parts: dict[str, Part]) -> None:
    parts["train"].labels[17] = 12


def _constant(parts: dict[str, Part]) -> None:
    parts["test"].images[3] = 0


def _white(parts: dict[str, Part]) -> None:
    parts["train"].images[7] = 255  # constant only before the zero padding


def _duplicate(parts: dict[str, Part]) -> None:
    parts["train"].images[61] = parts["train"].images[11]


def _leak(parts: dict[str, Part]) -> None:
    parts["test"].images[7] = parts["train"].images[42]


def _class_gone(parts: dict[str, Part]) -> None:
    parts["test"].labels[parts["test"].labels == 4] = 9


def _scaled(parts: dict[str, Part]) -> None:
    parts["train"].images[:] = parts["train"].images // 128


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_label_12, "label is in 0 to 9: 1 of 120 rows fail, first train image 17 (label 12, train.gz row 17): 12"),
        (_white, "one colour all over (padding left out): 1 of 120 rows fail, first train image 7 (label 7, train.gz"),
        (
            _constant,
            "no image is of one colour all over (padding left out): 1 of 120 rows fail, first test image 3 (label 3,",
        ),
        (_duplicate, "1 of 80 rows fail, first train image 61 (label 1, train.gz row 61): 11"),
        (_leak, "1 of 40 rows fail, first test image 7 (label 7, test.gz row 7): 42"),
        (_class_gone, "every class is in test: missing: [4]"),
        (_scaled, "train reaches the upper half of 0 to 255 (not scaled to 0 to 1): 1"),
    ],
)
def test_spoilt_source_is_caught_by_row(tmp_path: Path, spoil: Callable[[dict[str, Part]], None], message: str) -> None:
    parts = _parts()
    spoil(parts)
    _prepare(tmp_path, parts)
    sentence, failed = _failure(tmp_path)
    assert message in sentence
    if spoil is not _scaled:  # which looks wrong in every way
        assert len(_critical(failed)) == 1


def test_rare_duplicates_and_leaks_are_warnings(tmp_path: Path) -> None:
    images, labels = (a[:1000].copy() for a in idx_files.digits())
    images[999] = images[5]
    parts = [
        Part("train", images[:500, ..., None], labels[:500], "train.gz", np.arange(500)),
        Part("test", images[500:, ..., None], labels[500:], "test.gz", np.arange(500)),
    ]
    parts[0].images[400] = parts[0].images[3]
    parts[1].images[400] = parts[1].images[3]
    prepare.write(tmp_path / paths.prepared(NAME), Upstream(parts, exact=False), mnist.LOADER, 32, FACTS)
    validate.run(tmp_path, PARAMS, NAME)
    result = files.read_json(tmp_path / paths.validation(NAME))
    assert [w.split(" (")[0] for w in result["warnings"]] == [
        "no image of train has the pixels of an earlier one",
        "no image of test has the pixels of an earlier one",
        "no test image is also in the training split",
    ]
    (leak,) = [c for c in result["checks"] if result["warnings"][2] == f"{c['about']}: 1 of 500 rows fail"]
    (row,) = leak["rows"]
    image, twin = row.pop("images")
    assert row == {"split": "test", "index": 499, "label": 9, "file": "test.gz", "row": 499, "value": 5}
    assert image == twin
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(image.removeprefix("data:image/png;base64,")))))
    np.testing.assert_array_equal(shown[2:-2, 2:-2], images[5])


def test_label_flipped_in_the_manifest(tmp_path: Path) -> None:
    _prepare(tmp_path, _parts())
    _edit(tmp_path, lambda t: t.assign(label=t["label"].where(t.index != 85, 6)))
    sentence, _ = _failure(tmp_path)
    assert "images and labels have the content hash of dataset.json" in sentence


def test_wrong_shape_in_the_manifest(tmp_path: Path) -> None:
    _prepare(tmp_path, _parts())
    _edit(tmp_path, lambda t: t.assign(width=t["width"].where(t.index != 2, 28)))
    assert "width is 32: 1 of 120 rows fail, first train image 2 (label 2, train.gz row 2): 28" in _failure(tmp_path)[0]


def test_repeated_and_absent_rows(tmp_path: Path) -> None:
    _prepare(tmp_path, _parts())
    _edit(tmp_path, lambda t: t.assign(index=t["index"].where(t.index != 6, 5)))
    sentence, failed = _failure(tmp_path)
    assert "train image 5 (label 6, train.gz row 6)" in sentence
    assert "no index of train appears twice" in _critical(failed)
    _prepare(tmp_path, _parts())
    _edit(tmp_path, lambda t: t[t["split"] == "train"])
    assert "test has 40 rows, as dataset.json says: 0" in _failure(tmp_path)[0]


def test_missing_column_and_wrong_type(tmp_path: Path) -> None:
    _prepare(tmp_path, _parts())
    file = tmp_path / paths.prepared(NAME) / "manifest.parquet"
    table = pq.read_table(file)
    pq.write_table(table.drop_columns(["std"]), file)
    assert "column std: is missing" in _failure(tmp_path)[0]
    place = table.schema.get_field_index("label")
    pq.write_table(table.set_column(place, "label", table["label"].cast(pa.string())), file)
    assert "column label: is string, not int64" in _failure(tmp_path)[0]
    file.write_bytes(b"no parquet")
    assert "cannot be read" in _failure(tmp_path)[0]


def test_pixels_changed_on_disk(tmp_path: Path) -> None:
    _prepare(tmp_path, _parts())
    file = tmp_path / paths.prepared(NAME) / "test" / "images.npy"
    images = np.load(file)
    images[12, 16, 16] ^= 1
    np.save(file, images)
    sentence, failed = _failure(tmp_path)
    assert "the manifest's hash is that of the image on disk: 1 of 120 rows fail, first test image 12 (" in sentence
    assert len(_critical(failed)) == 2, "the content hash of the whole set too"
    np.save(file, images[:-1])
    assert "holds uint8 (39, 32, 32, 1), dataset.json says uint8 (40, 32, 32, 1)" in _failure(tmp_path)[0]


def test_not_ingested_yet(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"dataset\.json: no such file"):
        validate.run(tmp_path, PARAMS, NAME)
    _prepare(tmp_path, _parts())
    shutil.rmtree(tmp_path / paths.prepared(NAME) / "train")
    assert "train/images.npy: cannot be read" in _failure(tmp_path)[0]


def test_attributes_are_checked(tmp_path: Path) -> None:
    parts = {
        split: part._replace(attributes={"angle": np.arange(len(part.images))}) for split, part in _parts().items()
    }
    _prepare(tmp_path, parts)
    validate.run(tmp_path, PARAMS, NAME)
    file = tmp_path / paths.prepared(NAME) / "manifest.parquet"
    table = pq.read_table(file)
    place = table.schema.get_field_index("attribute_angle")
    changed = pa.array([*range(1, 81), *range(40)], pa.int64())
    pq.write_table(table.set_column(place, "attribute_angle", changed), file)
    assert "have the content hash of dataset.json" in _failure(tmp_path)[0]
    pq.write_table(table.set_column(place, "attribute_angle", changed.cast(pa.string())), file)
    assert "column attribute_angle: is string, not int64" in _failure(tmp_path)[0]


def test_report_shows_offending_images_and_carries_warnings(tmp_path: Path) -> None:
    profile = {"about": "", "datasets": [NAME], "seeds": [0], "samples": 16, "sample_batch": 16, "spaces": ["lite0"]}
    params = Params.model_validate(
        {
            "profile": "quick",
            "datasets": {NAME: {"loader": "mnist", "source": "packaged"}},
            "profiles": {"quick": {**profile, "models": {"gan": {}}}},
        }
    )
    parts = _parts()
    _duplicate(parts)
    _prepare(tmp_path, parts)
    _failure(tmp_path)
    failed = runs.read(tmp_path, params, "quick")
    assert "failed its validation" in tables.build(failed, failed.datasets[0])[0].caption[0]
    built = {NAME: tables.build(failed, failed.datasets[0])}
    site.write(Report(failed, built, {NAME: []}, [], {}, {}, [], {NAME: None}, {NAME: None}, []), tmp_path)
    text = (tmp_path / f"site/data/{NAME}.html").read_text()
    assert 'title="train image 61, label 1, train.gz row 61: 11"' in text
    assert text.count('alt="train image 61') == 4, "the image and its twin, in the warning and in the critical check"
    assert '<figcaption class="note">First training images, as prepared, one class per row: 0, 1, 2' in text
