"""What is expected of a prepared data set, as Great Expectations suites over its manifest.

One suite over all rows and one for each split. Where real sets are known to be impure (repeated images, a test image
that is also in the training split), any case is a warning and more than `TOLERATED` of the split is critical.
"""

from collections.abc import Mapping
from typing import Any

import great_expectations.expectations as gxe
import numpy as np
import pandas as pd

from paragone.datasets.base import SPLITS

TOLERATED = 0.005
ALL = "all"  # the suite over both splits
NO_TWIN = -1


def suites(facts: Mapping[str, Any]) -> dict[str, list[gxe.Expectation]]:
    """The expectations by suite, for a set of these facts (dataset.json)."""
    return {ALL: _of_all(facts)} | {split: _of_split(split, facts) for split in SPLITS}


def frames(manifest: pd.DataFrame, on_disk: Mapping[str, list[str]]) -> dict[str, pd.DataFrame]:
    """The rows that each suite is about, with what the expectations need besides the manifest's columns.

    on_disk: by split, the SHA-256 of each image as it stands in images.npy.
    """
    table = manifest.copy()
    table["pixels"] = [
        on_disk[split][index] if split in on_disk and 0 <= index < len(on_disk[split]) else "no such image"
        for split, index in zip(table["split"], table["index"], strict=True)
    ]
    first = table.groupby(["split", "sha256"])["index"].transform("first")
    table["twin"] = np.where(first == table["index"], NO_TWIN, first)
    train = table[table["split"] == "train"].drop_duplicates("sha256").set_index("sha256")["index"]
    in_train = table["sha256"].map(train).fillna(NO_TWIN).astype(int)
    table["train_twin"] = np.where(table["split"] == "train", NO_TWIN, in_train)
    return {ALL: table} | {split: table[table["split"] == split] for split in SPLITS}


def _of_all(facts: Mapping[str, Any]) -> list[gxe.Expectation]:
    channels, height, width = facts["shape"]
    return [
        gxe.ExpectColumnValuesToBeInSet(column="split", value_set=list(SPLITS), meta=_about("split is train or test")),
        *_of_labels(facts["classes"]),
        *(
            gxe.ExpectColumnValuesToBeInSet(column=column, value_set=[size], meta=_about(f"{column} is {size}"))
            for column, size in (("height", height), ("width", width), ("channels", channels))
        ),
        gxe.ExpectColumnValuesToBeBetween(column="min", min_value=0, meta=_about("pixels are at least 0")),
        gxe.ExpectColumnValuesToBeBetween(column="max", max_value=255, meta=_about("pixels are at most 255")),
        gxe.ExpectColumnValuesToBeBetween(
            column="std", min_value=0, strict_min=True, meta=_about("no image is constant (std above 0)")
        ),
        gxe.ExpectColumnPairValuesToBeEqual(
            column_A="sha256", column_B="pixels", meta=_about("the manifest's hash is that of the image on disk")
        ),
    ]


def _of_labels(classes: int) -> list[gxe.Expectation]:
    if not classes:
        return [gxe.ExpectColumnValuesToBeNull(column="label", meta=_about("there are no labels"))]
    about = _about(f"label is in 0 to {classes - 1}")
    return [
        gxe.ExpectColumnValuesToNotBeNull(column="label", meta=_about("every image has a label")),
        gxe.ExpectColumnValuesToBeBetween(column="label", min_value=0, max_value=classes - 1, meta=about),
    ]


def _of_split(split: str, facts: Mapping[str, Any]) -> list[gxe.Expectation]:
    count, classes = facts["counts"][split], facts["classes"]
    found = [
        gxe.ExpectTableRowCountToEqual(value=count, meta=_about(f"{split} has {count} rows, as dataset.json says")),
        gxe.ExpectColumnValuesToBeUnique(column="index", meta=_about(f"no index of {split} stands twice")),
        gxe.ExpectColumnValuesToBeBetween(
            column="index", min_value=0, max_value=count - 1, meta=_about(f"index of {split} is in 0 to {count - 1}")
        ),
        gxe.ExpectColumnMaxToBeBetween(
            column="max",
            min_value=128,
            meta=_about(f"{split} reaches the upper half of 0 to 255 (not scaled to 0 to 1)"),
        ),
        *_rare("twin", f"no image of {split} has the pixels of an earlier one (value: its index)"),
    ]
    if classes:
        found.append(
            gxe.ExpectColumnDistinctValuesToContainSet(
                column="label", value_set=list(range(classes)), meta=_about(f"every class is in {split}")
            )
        )
    if split == "test":
        found += _rare("train_twin", "no test image is also in the training split (value: its index there)")
    return found


def _rare(column: str, about: str) -> list[gxe.Expectation]:
    """Any case is a warning, more than the tolerated share is critical."""
    kind = gxe.ExpectColumnValuesToBeInSet
    return [
        kind(column=column, value_set=[NO_TWIN], severity="warning", meta=_about(about)),
        kind(
            column=column,
            value_set=[NO_TWIN],
            mostly=1 - TOLERATED,
            meta=_about(f"{about}, but for {TOLERATED:.1%} of them"),
        ),
    ]


def _about(about: str) -> dict[str, str]:
    return {"about": about}
