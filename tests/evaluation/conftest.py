"""What the tests of evaluation start from."""

import pytest
import torch

from paragone.evaluation import protocol
from paragone.evaluation.extractors import classifier
from paragone.evaluation.extractors.base import Extractor
from support.evaluated_bars import Set, bars

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def whole() -> Set:
    train, test = bars(400, 0), bars(120, 1)
    net, _ = classifier.train(train, CPU, kimg=8, progress=False)
    confusion = torch.tensor(
        classifier.held_out(classifier.Classifier(net, "", ""), test, CPU)["soft_confusion"], dtype=torch.float64
    )
    extractors: dict[str, Extractor] = {"clf-bars": classifier.Classifier(net, "clf-bars", "0" * 64, confusion)}
    return Set(train, test, extractors, protocol.build(extractors, train, test, 100, CPU))
