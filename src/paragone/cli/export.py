"""Export a finished run as a self-contained folder: weights, config and a model card.

    model.safetensors   the weights and the recipe to build the network again
    config.json         that recipe for other programs, the plan, the data's facts, and how the run was sampled
    metrics.json        every figure of the run
    wall.png            its first samples, not selected
    README.md           the model card

`paragone.load(folder)` draws images from it.
"""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import yaml

from paragone import __version__
from paragone.engine import inference
from paragone.project import files, paths, texts
from paragone.results.columns import by_table
from paragone.results.columns.cost import SPEED
from paragone.results.runs import Json, flatten, is_figure


def export(run: Path, folder: Path) -> None:
    """Write `folder` from runs/<profile>/<data set>/<model>/<seed>. Raises reuse.ReuseError for a run that has not
    finished, whose figures are another training's, or a folder that is not empty."""
    model = inference.load(run)
    where = _where(run)
    _check_figures(run, where)
    root = run.resolve().parents[4]
    facts: dict[str, Json] = {
        "train": files.read_json(run / where.training.name),
        "sampling": files.read_json(run / where.sampling.name),
        "metrics": files.read_json(run / where.metrics.name),
        "data": files.read_json(root / paths.prepared(where.dataset) / "dataset.json"),
    }
    facts = texts.lines(facts)  # the card is read elsewhere
    if facts["train"]["data"] != facts["data"]["content_hash"]:
        raise inference.ReuseError(f"{run}: was trained on other data than data/prepared holds now; run it again")
    floor_file = root / paths.reference(where.profile, where.dataset) / "floor.json"
    floor = files.read_json(floor_file) if floor_file.exists() else {}
    with inference.new_folder(folder) as partial:
        for file in (where.weights, where.metrics, where.sample_grid):
            shutil.copyfile(run / file.name, partial / file.name)
        files.write_json(partial / "config.json", _config(where, model, facts))
        files.write_text(partial / "README.md", card(where, folder.resolve().name, model, facts, floor))
    print(f"{run} as a folder of its own: {folder}")


def _where(run: Path) -> paths.Run:
    """The run that a folder belongs to. Raises reuse.ReuseError for a folder that stands elsewhere."""
    parts = run.resolve().parts
    if len(parts) < 6 or parts[-5] != "runs" or not parts[-1].isdigit():
        raise inference.ReuseError(f"{run}: not a run's folder; give runs/PROFILE/DATASET/MODEL/SEED")
    return paths.Run(parts[-4], parts[-3], parts[-2], int(parts[-1]))


def _check_figures(run: Path, where: paths.Run) -> None:
    """Raises reuse.ReuseError unless the run was evaluated, and with these weights as far as DVC's lock file knows."""
    if not (run / where.metrics.name).exists():
        raise inference.ReuseError(f"{run}: is not evaluated yet; run it (make demo)")
    lock = run.parent / "dvc.lock"
    stages = (yaml.safe_load(lock.read_text()) or {}).get("stages", {}) if lock.exists() else {}
    for dep in stages.get(f"evaluate@{where.seed}", {}).get("deps", []):
        if dep["path"] == str(where.weights) and dep["md5"] != _md5(run / where.weights.name):
            raise inference.ReuseError(f"{run}: its figures are of an earlier training; run it again (make demo)")


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _config(where: paths.Run, model: inference.FinishedModel, facts: dict[str, Json]) -> Json:
    kept = ("content_hash", "counts", "licence", "citation", "exact", "warnings", "padding", "class_names")
    return {
        "paragone": __version__,
        "run": str(where.folder),
        "recipe": model.metadata["recipe"],
        "precision": model.metadata["precision"],
        "batch": facts["sampling"]["batch"],
        "plan": facts["train"]["plan"],
        "seed": where.seed,
        "commit": facts["train"]["commit"],
        "data": {"name": where.dataset} | {key: facts["data"][key] for key in kept if key in facts["data"]},
    }


def card(where: paths.Run, name: str, model: inference.FinishedModel, facts: dict[str, Json], floor: Json) -> str:
    """The model card, in Markdown with the YAML head that model hubs read."""
    train, data = facts["train"], facts["data"]
    head: Json = {
        "library_name": "paragone",
        "tags": ["image-generation", train["family"]],
        "datasets": [where.dataset],
    }
    head["model-index"] = model_index(where, name, facts)
    parts = [
        f"---\n{yaml.safe_dump(head, sort_keys=False)}---\n\n# {train['title']} on {data['title']}\n",
        f"An image generator ({train['paper']}), trained and measured by Paragone {__version__} as `{where.folder}`.\n",
        "![Its first samples, not selected](wall.png)\n",
        f"## Use\n\n```python\n{_use(name, model)}\n```\n",
        f"## Data\n\n{_lines(_data(data))}\n",
        f"## Training\n\n{_lines(_training(train))}\n",
        f"## Figures\n\n{_figures(facts, floor)}\n",
        f"## Licence\n\n{_licence(data)}\n",
        f"## Limits\n\n{_lines(_limits(model, data, facts['metrics']))}\n",
    ]
    return "\n".join(parts)


def model_index(where: paths.Run, name: str, facts: dict[str, Json]) -> list[Json]:
    """The run's figures of quality in the form that the Hugging Face Hub reads from a card's head.

    https://github.com/huggingface/hub-docs/blob/main/modelcard.md
    """
    found = dict(flatten("metrics", facts["metrics"]))
    known = [c for c in by_table.quality(list(facts["metrics"]["spaces"])) if is_figure(found.get(c.source))]
    metrics = [
        {"type": c.key, "name": c.label + f" ({c.unit})" * bool(c.unit), "value": float(found[c.source] * c.scale)}
        for c in known
    ]
    task = {"type": "unconditional-image-generation", "name": "Image generation"}
    data = {"name": facts["data"]["title"], "type": where.dataset, "revision": facts["data"]["content_hash"]}
    return [{"name": name, "results": [{"task": task, "dataset": data, "metrics": metrics}]}]


def _use(name: str, model: inference.FinishedModel) -> str:
    channels, height, width = model.metadata["recipe"]["shape"]
    labels = f", labels=[i % {model.classes} for i in range(16)]" if model.classes else ""
    given = ", sources=sources" if model.translates else ""
    call = f"images = model.sample(16, seed=0{labels}{given})"
    source = f"# sources: (16, {height}, {width}, {channels}) uint8\n" if model.translates else ""
    load = f'import paragone\nmodel = paragone.load("{name}")\n'
    return f"{load}{source}{call}  # (16, {height}, {width}, {channels}) uint8"


def _licence(data: Json) -> str:
    return (
        f"The data: {data['licence'] or 'not stated by its publisher'}. The code that turns weights into images: MIT. "
        "The weights were learned from the data, whose terms may bind what is made with them."
    )


def _lines(facts: Iterator[str]) -> str:
    return "\n".join(f"- {fact}" for fact in facts)


def _data(data: Json) -> Iterator[str]:
    channels, height, width = data["shape"]
    counts = ", ".join(f"{n:,} {split}" for split, n in data["counts"].items())
    yield f"{data['title']}: {counts} images of {height} x {width}, {channels} channel{'s' * (channels > 1)}"
    if data["padding"]:
        yield str(data["padding"])
    yield "exactly the published set" if data["exact"] else "not (known to be) exactly the published set"
    yield from data["warnings"]
    yield f"content hash `{data['content_hash']}`"
    yield str(data["citation"])


def _training(train: Json) -> Iterator[str]:
    yield f"{train['images']:,} images in batches of {train['batch']} ({train['steps']:,} steps), seed {train['seed']}"
    yield f"{train['seconds']:,.0f} s on {train['device']}, {train['precision']}, torch {train['torch']}"
    yield f"{train['parameters']:,} parameters" + (
        f", weights averaged with a half-life of {train['ema_kimg']:g} thousand images" if train["ema_kimg"] else ""
    )
    if chosen := train.get("selection"):
        which = f"the {chosen['kept']} weights, of {chosen['kimg']:g} thousand images"
        yield f"{which}; scored {chosen['scored']} times by {chosen['by']}, which the model did not see"
    changed = ", ".join(f"{key} = {value}" for key, value in train["config"].items())
    yield f"config: {changed}" if changed else "config: the paper's"
    for role, digest in train["parents"].items():
        yield f"starts from a finished {role} (SHA-256 `{digest}`): its weights are inside, its training is extra"
    yield f"commit `{train['commit']}`{' with uncommitted changes' * bool(train['dirty'])}, code `{train['code']}`"


def _figures(facts: dict[str, Json], floor: Json) -> str:
    metrics = facts["metrics"]
    found = dict(flatten("metrics", metrics)) | dict(flatten("sampling", facts["sampling"]))
    real = dict(flatten("metrics", floor))
    spaces = list(metrics["spaces"])
    rows = ["| figure | this model | real test images | what it is |", "|---|---:|---:|---|"]
    for c in [*by_table.quality(spaces), *by_table.reconstruction(spaces), *SPEED]:
        if is_figure(value := found.get(c.source)):
            best = real.get(c.source)
            shown = c.number(best * c.scale) if is_figure(best) else ""
            rows.append(f"| {c.header} | {c.number(value * c.scale)} | {shown} | {c.about} |")
    protocol = (
        f"{metrics['n']:,} samples against {metrics['n_real']:,} real images "
        f"(split '{metrics['reference_split']}'), sampled in batches of {facts['sampling']['batch']}; feature spaces "
        + ", ".join(f"`{name}` (hash `{space['hash'][:12]}`)" for name, space in metrics["spaces"].items())
        + ". Real test images, evaluated as if they were samples, say what can be reached. A figure compares with "
        "another only where protocol, number of samples and feature space are the same."
    )
    return "\n".join(rows) + "\n\n" + protocol


def _limits(model: inference.FinishedModel, data: Json, metrics: Json) -> Iterator[str]:
    done = "translates to" if model.translates else "draws"
    yield f"it {done} {data['shape'][1]} x {data['shape'][2]} images like those of {data['title']}, and nothing else"
    yield "one seed of one training; seeds differ"
    if metrics["n"] < 10_000:
        yield f"measured on {metrics['n']:,} samples, so its figures are rough and not those of a published protocol"
    missing = metrics.get("modes", {}).get("missing")
    if missing:
        yield f"{missing:g} of the data's {data['classes']} classes hardly appear"
    if not model.classes and data["classes"]:
        yield "it takes no labels: a class cannot be asked for"
    yield "the samples shown are the first ones drawn, not a selection"
