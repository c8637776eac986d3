"""What is expected of a prepared data set, as Great Expectations suites: one for all sets, and what a loader publishes.

A suite over all rows of the manifest, one for each split, one over the classes of each split, and one over the pixels
of each split. Where real sets are known to be impure (repeated images, a test image that is also in the training
split), any case is a warning and more than `TOLERATED` of the split is critical.
"""

from collections.abc import Mapping
from typing import Any

import great_expectations.expectations as gxe
import numpy as np
import pandas as pd

from paragone.data.base import ATTRIBUTE, SPLITS, Loader, Statistics
from paragone.data.pixel_stats import Inspection, nearest_classes

TOLERATED = 0.005
FAINT = 5.0  # standard deviation, of 0 to 255, below which an image is nearly constant
NEAR, FAR = 0.01, 0.03  # of a channel's published mean and standard deviation: beyond NEAR a warning, FAR critical
CHANCE = 4.0  # standard errors that a part of a set may differ by besides
DOUBT = 10.0  # a mean image is not its class's when farther off than so many times what chance explains
RARE = 0.1  # a class with fewer images than that share of the largest class's is worth a warning
BLOCKS = 1.04  # photographs: 1.00 without loss, 1.08 in CIFAR-10 as JPEG (quality 75)
NEARLY = 0.5  # a set with at least that share of the published images is meant to be whole
ALL, CLASSES, PIXELS = "all", "classes", "pixels"  # the suites over both splits
NO_TWIN = -1
NAMED = 8  # values of an attribute spelt out
ROW = ("split", "index", "label", "file", "row")
NAMES = {ALL: ROW, **dict.fromkeys(SPLITS, ROW), CLASSES: ("split", "label"), PIXELS: ()}
"""By suite: the columns that name a row."""


def suites(facts: Mapping[str, Any], loader: Loader) -> dict[str, list[gxe.Expectation]]:
    """The expectations by suite, for a set of these facts (dataset.json) from this loader; those with none left out."""
    found = {ALL: _of_all(facts, loader)} | {split: _of_split(split, facts, loader) for split in SPLITS}
    found |= {CLASSES: _of_classes(facts, loader), PIXELS: _of_pixels(facts, loader)}
    return {name: expected for name, expected in found.items() if expected}


def frames(
    manifest: pd.DataFrame, inspected: Mapping[str, Inspection], facts: Mapping[str, Any], loader: Loader
) -> dict[str, pd.DataFrame]:
    """The rows that each suite is about, with what the expectations need besides the manifest's columns."""
    table = manifest.copy()
    table["pixels"], table["contrast"] = "no such image", 0
    for split, found in inspected.items():
        inside = (table["split"] == split) & table["index"].between(0, len(found.sha256) - 1)
        table.loc[inside, "pixels"] = np.array(found.sha256)[table.loc[inside, "index"]]
        table.loc[inside, "contrast"] = found.contrast[table.loc[inside, "index"]]
    first = table.groupby(["split", "sha256"])["index"].transform("first")
    table["twin"] = np.where(first == table["index"], NO_TWIN, first)
    train = table[table["split"] == "train"].drop_duplicates("sha256").set_index("sha256")["index"]
    in_train = table["sha256"].map(train).fillna(NO_TWIN).astype(int)
    table["train_twin"] = np.where(table["split"] == "train", NO_TWIN, in_train)
    table["taken_twice"] = table.duplicated(["file", "row"])
    if base := facts.get("channel_classes", 0):
        table["from_channels"] = 0
        for name in loader.attributes:
            table["from_channels"] = table["from_channels"] * base + table[ATTRIBUTE + name]
    by_split = {split: table[table["split"] == split] for split in SPLITS}
    return {ALL: table, **by_split, CLASSES: _classes(inspected, loader), PIXELS: _pixels(inspected, facts)}


def _classes(inspected: Mapping[str, Inspection], loader: Loader) -> pd.DataFrame:
    """One row per class and split: its images, how many are published, and whose mean image its own is nearest to."""
    rows = []
    for split, found in inspected.items():
        published = loader.class_counts.get(split, found.class_counts)
        nearest = nearest_classes(inspected["train"], found, DOUBT) if split == "test" else range(len(published))
        for label, (count, full, near) in enumerate(zip(found.class_counts, published, nearest, strict=False)):
            share = count / max(1, found.class_counts.max())
            row = {"images": int(count), "published": int(full), "share": float(share), "nearest": int(near)}
            rows.append({"split": split, "label": label, **row})
    return pd.DataFrame(rows, columns=["split", "label", "images", "published", "share", "nearest"])


def _pixels(inspected: Mapping[str, Inspection], facts: Mapping[str, Any]) -> pd.DataFrame:
    """One row: moments of each split's channels (of upstream's pixels, zero padding taken out), and edges of blocks."""
    row: dict[str, float] = {}
    height, width = facts.get("upstream_size", (facts["resolution"],) * 2)
    padded = max(1.0, facts["resolution"] ** 2 / (height * width))
    for split, found in inspected.items():
        mean = found.mean * padded
        std = np.sqrt(np.maximum((found.std**2 + found.mean**2) * padded - mean**2, 0))
        row[f"{split} edges"] = found.edges
        row |= {f"{split} mean {c}": value for c, value in enumerate(mean)}
        row |= {f"{split} std {c}": value for c, value in enumerate(std)}
    return pd.DataFrame([row])


def _of_all(facts: Mapping[str, Any], loader: Loader) -> list[gxe.Expectation]:
    channels, height, width = facts["shape"]
    once = _about("no row of an upstream file is taken twice, in either split")
    faint = _about(f"no image is nearly constant (std at least {FAINT:g} of 255)")
    return [
        gxe.ExpectColumnValuesToBeInSet(column="split", value_set=list(SPLITS), meta=_about("split is train or test")),
        *_of_labels(facts["classes"]),
        *_of_attributes(facts, loader),
        *(
            gxe.ExpectColumnValuesToBeInSet(column=column, value_set=[size], meta=_about(f"{column} is {size}"))
            for column, size in (("height", height), ("width", width), ("channels", channels))
        ),
        gxe.ExpectColumnValuesToBeBetween(column="min", min_value=0, meta=_about("pixels are at least 0")),
        gxe.ExpectColumnValuesToBeBetween(column="max", max_value=255, meta=_about("pixels are at most 255")),
        gxe.ExpectColumnValuesToBeBetween(
            column="contrast", min_value=1, meta=_about("no image is of one colour all over (padding left out)")
        ),
        gxe.ExpectColumnValuesToBeBetween(column="std", min_value=FAINT, severity="warning", meta=faint),
        gxe.ExpectColumnValuesToBeInSet(column="taken_twice", value_set=[False], meta=once),
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


def _of_attributes(facts: Mapping[str, Any], loader: Loader) -> list[gxe.Expectation]:
    found: list[gxe.Expectation] = []
    for name, values in loader.attributes.items():
        listed = ", ".join(map(str, values)) if len(values) <= NAMED else f"{values[0]} to {values[-1]}"
        about = _about(f"attribute {name} is one of {listed}")
        found.append(gxe.ExpectColumnValuesToBeInSet(column=ATTRIBUTE + name, value_set=list(values), meta=about))
    if facts.get("channel_classes"):
        about = _about("the label is made of the channels' classes")
        found.append(gxe.ExpectColumnPairValuesToBeEqual(column_A="label", column_B="from_channels", meta=about))
    return found


def _of_split(split: str, facts: Mapping[str, Any], loader: Loader) -> list[gxe.Expectation]:
    count = facts["counts"][split]
    found = [
        gxe.ExpectTableRowCountToEqual(value=count, meta=_about(f"{split} has {count} rows, as dataset.json says")),
        gxe.ExpectColumnValuesToBeUnique(column="index", meta=_about(f"no index of {split} appears twice")),
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
    if _meant_whole(facts, loader):
        whole = loader.counts[split]
        all_there = _about(f"{split} has all {whole:,} images of the published set")
        found.append(gxe.ExpectTableRowCountToEqual(value=whole, severity=_severity(facts), meta=all_there))
    for column, values in _class_columns(facts, loader).items():
        of = "" if column == "label" else f"of {column.removeprefix(ATTRIBUTE)} "
        about = _about(f"every class {of}is in {split}")
        found.append(gxe.ExpectColumnDistinctValuesToContainSet(column=column, value_set=values, meta=about))
    if split == "test":
        found += _rare("train_twin", "no test image is also in the training split (value: its index there)")
    return found


def _class_columns(facts: Mapping[str, Any], loader: Loader) -> dict[str, list[int]]:
    """The columns that hold classes, and which there are: of each channel where a label is made of theirs."""
    if facts.get("channel_classes"):
        return {ATTRIBUTE + name: list(values) for name, values in loader.attributes.items()}
    return {"label": list(range(facts["classes"]))} if facts["classes"] else {}


def _meant_whole(facts: Mapping[str, Any], loader: Loader) -> bool:
    return bool(loader.counts) and all(facts["counts"][s] >= NEARLY * loader.counts.get(s, 0) for s in SPLITS)


def _severity(facts: Mapping[str, Any]) -> str:
    """Of a difference from the published set: nothing may differ where every file equals the published one."""
    return "critical" if facts["exact"] else "warning"


def _of_classes(facts: Mapping[str, Any], loader: Loader) -> list[gxe.Expectation]:
    if not facts["classes"] or facts.get("channel_classes"):
        return []
    swapped = "the mean test image of no class looks like another class's in train (value: which)"
    found = [
        gxe.ExpectColumnValuesToBeBetween(
            column="share",
            min_value=RARE,
            severity="warning",
            meta=_about(f"no class has less than {RARE:.0%} of the images of the largest (value: its share)"),
        ),
        gxe.ExpectColumnPairValuesToBeEqual(column_A="nearest", column_B="label", meta=_about(swapped)),
    ]
    if loader.class_counts and _meant_whole(facts, loader):
        about = _about("every class has as many images as the published set's (value: images, published)")
        kind = gxe.ExpectColumnPairValuesToBeEqual
        found.append(kind(column_A="images", column_B="published", severity=_severity(facts), meta=about))
    return found


def _of_pixels(facts: Mapping[str, Any], loader: Loader) -> list[gxe.Expectation]:
    found: list[gxe.Expectation] = []
    if "upstream_size" not in facts or max(facts["upstream_size"]) > facts["resolution"]:
        return found  # cut or resized: no longer the pixels that were published
    for split in SPLITS:
        if loader.lossless and not facts["lossy"]:
            about = f"edges of 8x8 blocks do not stand out in {split}, as they do after JPEG (ratio to pixels beside)"
            kind = gxe.ExpectColumnMaxToBeBetween
            found.append(kind(column=f"{split} edges", max_value=BLOCKS, severity="warning", meta=_about(about)))
        if loader.statistics is not None:
            found += _moments(split, facts["counts"][split], loader.statistics)
    return found


def _moments(split: str, count: int, published: Statistics) -> list[gxe.Expectation]:
    """Each channel's mean and deviation: beyond NEAR of the published one a warning, beyond FAR critical."""
    kinds = {"mean": published.mean, "std": published.std}
    return [
        gxe.ExpectColumnMaxToBeBetween(
            column=f"{split} {name} {channel}",
            min_value=round(value - off, 4),
            max_value=round(value + off, 4),
            severity=severity,
            meta=_about(f"{name} of channel {channel} of {split} is {value:g} within {off:.2g} ({published.source})"),
        )
        for name, values in kinds.items()
        for channel, value in enumerate(values)
        # images' own means are spread by no more than half of what pixels are, so that chance explains as much besides
        for off, severity in (
            (base + CHANCE * published.std[channel] / 2 / np.sqrt(count), severity)
            for base, severity in ((NEAR, "warning"), (FAR, "critical"))
        )
    ]


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
