"""Train the classifiers that judge a data set on its training split, and measure them on the held-out test split."""

import time
from pathlib import Path
from typing import Any

from paragone.data import base
from paragone.engine import hardware
from paragone.evaluation.extractors import classifier
from paragone.evaluation.extractors.base import Ensemble
from paragone.project import files, paths
from paragone.project.params import Params


def run(root: Path, params: Params, dataset: str) -> None:
    """Write the weights of each judge and classifier.json. Raises ValueError for a data set without labels."""
    widths = params.get_dataset(dataset).judges or params.judges
    folder = root / paths.prepared(dataset)
    real, test = base.load(folder, "train"), base.load(folder, "test")
    if real.labels is None or test.labels is None:
        raise ValueError(
            f"{folder}: data set '{dataset}' has no labels, so there is nothing for a classifier to learn; "
            "take 'classifier' out of the spaces of its profile"
        )
    device = hardware.device()
    facts = files.read_json(folder / "dataset.json")
    n_train, shape, classes = len(real.images), real.spec.shape, real.spec.classes
    if each := facts.get("channel_classes", 0):
        real, test = classifier.channels(real, each), classifier.channels(test, each)
    # an image of several channels counts once: its channels are those of other images too
    kimg = max(classifier.KIMG, classifier.EPOCHS * n_train / 1000)
    nets: dict[str, classifier.Net] = {}
    judges: dict[str, dict[str, Any]] = {}
    for seed, width in enumerate(widths):
        name, started = classifier.judge_name(seed, width), time.process_time()
        net, seen = classifier.train(real, device, kimg, seed=seed, width=width)
        parameters = sum(p.numel() for p in net.parameters())
        found = classifier.held_out(classifier.Classifier(net, name, name), test, device)
        nets[name], judges[name] = net, {"seed": seed, "kimg": seen, "parameters": parameters, **found}
        print(f"judge {name} of {dataset}: {found['accuracy']:.2%} right, {_seconds(started)}")
    together = Ensemble({name: classifier.Classifier(net, name, name) for name, net in nets.items()}, {})
    about = {
        "dataset": dataset,
        "data": facts["content_hash"],
        "shape": list(shape),
        "classes": classes,
        "channel_classes": each,
        "n_train": n_train,
        "version": classifier.Classifier.version,
        "judges": judges,
        **classifier.held_out(together, test, device),
    }
    classifier.save(root / paths.classifier(dataset), nets, about)
    counted = "channels" if each else "images"
    print(f"{len(nets)} judges of {dataset}: {about['accuracy']:.2%} of {about['n_test']} held-out {counted} right")


def _seconds(started: float) -> str:
    return f"{time.process_time() - started:.0f} CPU-seconds"
