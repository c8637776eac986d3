"""Build the reference of a profile on a data set, and the floor: real test images measured as if they were samples."""

from pathlib import Path

from paragone import evaluation, files, hardware, paths
from paragone.datasets import base
from paragone.params import Params


def run(root: Path, params: Params, profile: str, dataset: str) -> None:
    """Write the spaces' safetensors, reference.json and floor.json."""
    chosen = params.get_profile(profile)
    params.get_dataset(dataset)
    prepared = root / paths.prepared(dataset)
    train, test = base.load(prepared, "train"), base.load(prepared, "test")
    extractors = evaluation.load_extractors(root, dataset, chosen.spaces)
    device = hardware.device()
    reference = evaluation.build(extractors, train, test, chosen.samples, device)
    identity = {
        "profile": profile,
        "dataset": dataset,
        "data": files.read_json(prepared / "dataset.json")["content_hash"],
    }
    reference = reference._replace(about={**reference.about, **identity})
    folder = root / paths.reference(profile, dataset)
    evaluation.save(folder, reference)
    labels = None if test.labels is None else evaluation.choose(test.labels, chosen.samples)
    images = evaluation.choose(test.images, chosen.samples)
    floor = evaluation.evaluate(images, reference, extractors, device, labels)
    files.write_json(folder / "floor.json", floor)
    spaces = ", ".join(f"{name} ({space['distance']} {space['fd']:.3g})" for name, space in floor["spaces"].items())
    print(f"reference of {dataset}: {len(train.images)} real images; floor of {floor['n']} test images in {spaces}")
