"""Build the reference of a profile on a data set, and the floor: real images measured as if they were samples."""

from pathlib import Path

from paragone.data import base
from paragone.engine import hardware
from paragone.evaluation import floor, protocol
from paragone.project import files, paths
from paragone.project.params import Params


def run(root: Path, params: Params, profile: str, dataset: str) -> None:
    """Write the spaces' safetensors, reference.json and floor.json."""
    chosen = params.get_profile(profile)
    params.get_dataset(dataset)
    prepared = root / paths.prepared(dataset)
    train, test = base.load(prepared, "train"), base.load(prepared, "test")
    extractors = protocol.load_extractors(root, dataset, chosen.spaces)
    device = hardware.device()
    hardware.be_deterministic(device)
    reference = protocol.build(extractors, train, test, chosen.samples, device)
    identity = {
        "profile": profile,
        "dataset": dataset,
        "data": files.read_json(prepared / "dataset.json")["content_hash"],
    }
    reference = reference._replace(about={**reference.about, **identity})
    folder = root / paths.reference(profile, dataset)
    protocol.save(folder, reference)
    measured = floor.measure(reference, train, test, extractors, device)
    files.write_json(folder / "floor.json", measured)
    spaces = ", ".join(f"{name} ({space['distance']} {space['fd']:.3g})" for name, space in measured["spaces"].items())
    print(f"reference of {dataset}: {len(train.images)} real images; floor of {measured['n']} test images in {spaces}")
