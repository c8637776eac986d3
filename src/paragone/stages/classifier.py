"""Train the data set's classifier on the real training split, and measure it on the held-out test split."""

import time
from pathlib import Path

from paragone.data import base
from paragone.engine import hardware
from paragone.evaluation.extractors import classifier
from paragone.project import files, paths
from paragone.project.params import Params


def run(root: Path, params: Params, dataset: str) -> None:
    """Write weights.safetensors and classifier.json. Raises ValueError for a data set without labels."""
    params.get_dataset(dataset)
    folder = root / paths.prepared(dataset)
    real, test = base.load(folder, "train"), base.load(folder, "test")
    if real.labels is None or test.labels is None:
        raise ValueError(
            f"{folder}: data set '{dataset}' has no labels, so there is nothing for a classifier to learn; "
            "take 'classifier' out of the spaces of its profile"
        )
    device = hardware.device()
    started = time.process_time()
    facts = files.read_json(folder / "dataset.json")
    n_train, (shape, classes) = len(real.images), real.spec
    if each := facts.get("channel_classes", 0):
        real, test = classifier.channels(real, each), classifier.channels(test, each)
    # an image of several channels counts once: its channels are those of other images too
    net, kimg = classifier.train(real, device, max(classifier.KIMG, classifier.EPOCHS * n_train / 1000))
    about = {
        "dataset": dataset,
        "data": facts["content_hash"],
        "shape": list(shape),
        "classes": classes,
        "channel_classes": each,
        "n_train": n_train,
        "kimg": kimg,
        "parameters": sum(p.numel() for p in net.parameters()),
        "version": classifier.Classifier.version,
        **classifier.held_out(net, test, device),
    }
    classifier.save(root / paths.classifier(dataset), net, about)
    counted = "channels" if each else "images"
    print(
        f"classifier of {dataset}: {about['accuracy']:.2%} of {about['n_test']} held-out {counted} right, "
        f"{kimg:.0f} kimg in {time.process_time() - started:.0f} CPU-seconds"
    )
