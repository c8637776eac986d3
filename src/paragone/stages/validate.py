"""Stage validate: hold a prepared data set against its expectations; a critical failure stops the pipeline."""

import hashlib
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import great_expectations as gx
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)

from paragone.data import pixel_stats
from paragone.data.base import ATTRIBUTE, MANIFEST, SPLITS, DatasetError, Loader, Pixels, read_images
from paragone.data.pixel_stats import Inspection
from paragone.data.prepare import content_hash
from paragone.project import files, paths, registry
from paragone.project.params import Params
from paragone.stages import expectations

ROWS = 10  # offending rows kept in the result
NAMED = 3  # and named in the error
LEAST = 16  # test images, as `paragone.evaluation.protocol` needs

Check = dict[str, Any]


class ValidationError(ValueError):
    """A prepared data set is not what it must be."""


def run(root: Path, params: Params, dataset: str) -> None:
    """Write paths.validation(dataset); or raise ValidationError, the result left beside it as <dataset>.failed.json.

    Data Docs go to docs/<dataset> beside it: for looking at, with timestamps, so no output of the pipeline.
    """
    params.get_dataset(dataset)
    folder, result = root / paths.prepared(dataset), root / paths.validation(dataset)
    failed = root / paths.failed_validation(dataset)
    result.unlink(missing_ok=True)
    facts = files.read_json(folder / "dataset.json")
    checks = _check(folder, facts, result.parent / "docs" / dataset)
    broken = [c for c in checks if not c["success"] and c["severity"] == "critical"]
    summary = {
        "dataset": dataset,
        "content_hash": facts["content_hash"],
        "success": not broken,
        "warnings": [
            f"{c['about']}: {c['observed']}" for c in checks if not c["success"] and c["severity"] != "critical"
        ],
        "checks": checks,
    }
    files.write_json(failed if broken else result, summary)
    if broken:
        more = f" (and {len(broken) - 1} more failed checks)" if len(broken) > 1 else ""
        raise ValidationError(
            f"{folder / 'manifest.parquet'}: {_fault(broken[0])}{more}; see {failed}, then correct the source and "
            f"run `paragone ingest {dataset}` again"
        )
    failed.unlink(missing_ok=True)


def _check(folder: Path, facts: Mapping[str, Any], docs: Path) -> list[Check]:
    """Every check in order; the later ones only if the files can be read at all."""
    table, schema = _manifest(folder)
    if table is None:
        return [schema]
    channels, height, width = facts["shape"]
    images = {}
    try:
        for split in SPLITS:
            shape = (facts["counts"][split], height, width, channels)
            images[split] = read_images(folder / split / "images.npy", shape)
    except DatasetError as error:
        return [schema, _file_check("images.npy is as dataset.json says", str(error))]
    loader: Loader = registry.load("datasets", facts["loader"]).LOADER
    inspected = {split: _inspect(table, split, image, facts) for split, image in images.items()}
    if gone := [n for n in loader.attributes if ATTRIBUTE + n not in table.schema.names]:
        return [schema, _file_check("every attribute of the set has its column", f"{ATTRIBUTE}{gone[0]}: is missing")]
    expected = expectations.suites(facts, loader)
    found = _expect(facts["name"], expected, expectations.frames(table.to_pandas(), inspected, facts, loader), docs)
    for check in found:
        _show(check, images)
    return [schema, _enough(facts, loader), *found, _whole(folder, facts, table, inspected)]


def _enough(facts: Mapping[str, Any], loader: Loader) -> Check:
    """A test split that `options.test_share` makes is large enough for an evaluation, which would refuse it later."""
    count = facts["counts"]["test"]
    fault = f"it holds {count}; add images, or raise options.test_share"
    few = "test_share" in loader.options and count < LEAST
    return _file_check(f"the test split holds at least {LEAST} images, as an evaluation needs", fault if few else "")


def _inspect(table: pa.Table, split: str, images: Pixels, facts: Mapping[str, Any]) -> Inspection:
    """What the pixels say, with the labels that the manifest gives them; an image without one is of no class."""
    rows = table.filter(pc.equal(table["split"], split))
    labels = np.full(len(images), -1)
    index, label = rows["index"].to_numpy(), pc.fill_null(rows["label"], -1).to_numpy()
    inside = (index >= 0) & (index < len(images))
    labels[index[inside]] = label[inside]
    height, width = facts.get("upstream_size", images.shape[1:3])
    return pixel_stats.inspect(images, labels, facts["classes"], (height, width))


def _show(check: Check, images: Mapping[str, Pixels]) -> None:
    """Put thumbnails beside the rows of a failed check: of the image, and of the one that it repeats."""
    if check["success"]:
        return
    for row in check["rows"]:
        pictures = []
        if "index" in row and 0 <= row["index"] < len(images.get(row["split"], ())):
            pictures.append(images[row["split"]][row["index"]])
            twins = {"twin": row["split"], "train_twin": "train"}
            if check["column"] in twins:
                pictures.append(images[twins[check["column"]]][row["value"]])
        row["images"] = [pixel_stats.thumbnail(picture) for picture in pictures]


def _manifest(folder: Path) -> tuple[pa.Table | None, Check]:
    """The manifest, or None if its columns are not those of the format; and the check of that."""
    about = "the manifest has the columns and types of the format"
    try:
        table = pq.read_table(folder / "manifest.parquet")
    except (OSError, pa.ArrowInvalid) as error:
        return None, _file_check(about, f"cannot be read ({error})")
    if missing := [name for name in MANIFEST.names if name not in table.schema.names]:
        return None, _file_check(about, f"column {missing[0]}: is missing")
    attributes = [pa.field(name, pa.int64()) for name in table.schema.names if name.startswith(ATTRIBUTE)]
    types = [(f, table.schema.field(f.name).type) for f in [*MANIFEST, *attributes]]
    if wrong := [f"column {field.name}: is {found}, not {field.type}" for field, found in types if found != field.type]:
        return None, _file_check(about, wrong[0])
    return table, _file_check(about)


def _whole(folder: Path, facts: Mapping[str, Any], table: pa.Table, inspected: Mapping[str, Inspection]) -> Check:
    """The content hash of dataset.json against the arrays, labels and attributes as they are on disk."""
    hashes = {}
    for split, pixels in inspected.items():
        rows = table.filter(pc.equal(table["split"], split))
        labels = rows["label"]
        known = labels.null_count < len(labels)
        hashes[split] = {
            "shape": [len(pixels.sha256), *facts["shape"][1:], facts["shape"][0]],
            "images": pixels.whole,
            "labels": hashlib.sha256(labels.to_numpy().data if known else b"").hexdigest(),
            **{
                name: hashlib.sha256(rows[name].to_numpy().data).hexdigest()
                for name in table.schema.names
                if name.startswith(ATTRIBUTE)
            },
        }
    for split, count in facts["source_counts"].items():
        sources = read_images(folder / split / "sources.npy", (count, *hashes[split]["shape"][1:]))
        hashes[split]["sources"] = hashlib.sha256(sources.data).hexdigest()
    found, expected = content_hash(hashes), facts["content_hash"]
    fault = "" if found == expected else f"images and labels hash to {found}, not {expected}: they were changed"
    return _file_check("images and labels have the content hash of dataset.json", fault)


def _file_check(about: str, fault: str = "") -> Check:
    return {"suite": "files", "about": about, "severity": "critical", "success": not fault, "observed": fault or None}


def _expect(dataset: str, suites: Mapping[str, Any], frames: Mapping[str, Any], docs: Path) -> list[Check]:
    """Run each suite over its rows in a context that lives in memory, and render Data Docs."""
    partial = docs.with_name(f".{docs.name}.partial")
    context = gx.get_context(mode="ephemeral", project_config=_context(partial))
    source = context.data_sources.add_pandas(dataset)
    found = []
    for name, expected in suites.items():
        suite = context.suites.add(gx.ExpectationSuite(name, expectations=expected))
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("rows")
        definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batch, suite=suite))
        checkpoint = gx.Checkpoint(
            name=name,
            validation_definitions=[definition],
            result_format={
                "result_format": "COMPLETE",
                "unexpected_index_column_names": list(expectations.NAMES[name]),
            },
        )
        report = context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": frames[name]})
        (result,) = report.run_results.values()
        order = [e.meta["about"] for e in expected]
        found += sorted((_of(name, r.to_json_dict()) for r in result.results), key=lambda c: order.index(c["about"]))
    _render(context, partial, docs)
    return found


def _context(docs: Path) -> DataContextConfig:
    site = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs.absolute())},
    }
    return DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        data_docs_sites={"docs": site},
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )


def _render(context: Any, partial: Path, docs: Path) -> None:
    shutil.rmtree(partial, ignore_errors=True)
    context.build_data_docs()
    shutil.rmtree(docs, ignore_errors=True)
    partial.replace(docs)


def _of(suite: str, result: Mapping[str, Any]) -> Check:
    """A result of Great Expectations, cut to what repeats from run to run."""
    config = result["expectation_config"]
    check = {
        "suite": suite,
        "about": config["meta"]["about"],
        "expectation": config["type"],
        "column": config["kwargs"].get("column"),
        "severity": config["severity"],
        "success": result["success"],
        "observed": _observed(result["result"]),
    }
    if raised := _raised(result["exception_info"]):
        check |= {"severity": "critical", "observed": raised}
    rows, values = (result["result"].get(key) or [] for key in ("unexpected_index_list", "unexpected_list"))
    pairs = zip(rows[:ROWS], values[:ROWS], strict=True)
    named = expectations.NAMES[suite]
    return check | {"rows": [{key: row.get(key) for key in named} | {"value": value} for row, value in pairs]}


def _observed(details: Mapping[str, Any]) -> Any:
    """What was seen: how many rows offend, which values are missing, or the one value of an aggregate."""
    if "element_count" in details:
        return f"{details['unexpected_count']} of {details['element_count']} rows fail"
    if "partial_missing_list" in details:
        return f"missing: {details['partial_missing_list'] or 'none'}"
    value = details.get("observed_value")
    return round(value, 4) if isinstance(value, float) else value


def _raised(info: Mapping[str, Any]) -> str:
    """Great Expectations tells of an exception either here or one level down, by metric."""
    infos: Iterable[Any] = [info] if "raised_exception" in info else info.values()
    return next((str(i["exception_message"]) for i in infos if i.get("raised_exception")), "")


def _fault(check: Check) -> str:
    """A failed check in words: what should hold, what was seen, and the first rows that offend."""
    rows = "; ".join(
        f"{row['split']} image {row['index']} (label {row['label']}, {row['file']} row {row['row']}): {row['value']}"
        if "index" in row
        else f"{row['split']} class {row['label']}: {row['value']}"
        for row in check.get("rows", [])[:NAMED]
    )
    return f"{check['about']}: {check['observed']}" + (f", first {rows}" if rows else "")
