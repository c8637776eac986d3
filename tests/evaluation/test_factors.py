"""Factors as the manifest holds them, and the latents of models."""

from pathlib import Path

import numpy as np
import pytest
import torch

from paragone.data import base as datasets
from paragone.evaluation import factors
from paragone.models.base import Spec
from paragone.models.gan.dcgan import DCGAN
from paragone.models.vae.beta_vae import BetaVAE
from paragone.project import paths
from paragone.project.params import Dataset, Params
from paragone.stages import ingest

CATEGORICAL = ("shape", "colour", "background")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    entry = Dataset(loader="shapes", source="generated", options={"n_train": 300, "n_test": 60})
    ingest.run(root, Params.model_construct(profile="none", profiles={}, datasets={"drawn": entry}), "drawn")
    return root / paths.prepared("drawn")


def test_ordered_factors_are_cut_and_categorical_ones_are_not(prepared: Path) -> None:
    known = factors.read(prepared, CATEGORICAL, 4)
    assert known.names == ["shape", "colour", "scale", "rotation", "x", "y", "background"]
    assert known.test.sum() == 60
    assert not known.test[:300].any()
    labels = datasets.load(prepared, "train").labels
    assert labels is not None
    assert known.values[:300, 0].tolist() == labels.tolist()
    assert known.levels.max(0).tolist() == [5, 7, 3, 3, 3, 3, 5]
    x = known.values[:, 4]
    assert np.array_equal(known.levels[:, 4], (x - x.min()) * 4 // (x.max() + 1 - x.min()))
    assert np.bincount(known.levels[:, 3]).tolist() == np.bincount(known.values[:, 3] // 3).tolist()


def test_a_set_without_factors_is_refused(prepared: Path, tmp_path: Path) -> None:
    import pandas as pd

    table = pd.read_parquet(prepared / "manifest.parquet")
    table[[c for c in table if not c.startswith("attribute_")]].to_parquet(tmp_path / "manifest.parquet")
    with pytest.raises(ValueError, match="the factors of its images are not known; use a drawn set, such as shapes"):
        factors.read(tmp_path, CATEGORICAL, 4)


def test_latents_are_the_models_and_those_without_rate_are_told_apart() -> None:
    torch.manual_seed(0)
    model = BetaVAE(BetaVAE.Config(hidden=16, z_dim=3), Spec((3, 32, 32))).eval()
    with torch.no_grad():  # posterior of the second latent: the prior
        last = [m for m in model.encoder.modules() if isinstance(m, torch.nn.Linear)][-1]
        last.weight[[1, 4]] = 0
        last.bias[[1, 4]] = 0
        last.bias[0] = 3
    images = torch.randint(0, 256, (7, 32, 32, 3), dtype=torch.uint8)
    found = factors.encode(model, images, torch.device("cpu"), "model")
    x = images.permute(0, 3, 1, 2) / 127.5 - 1
    np.testing.assert_allclose(found.codes, model.encode(x).detach(), rtol=1e-6)
    assert found.active.tolist()[:2] == [True, False]


def test_a_model_without_a_posterior_is_refused() -> None:
    model = DCGAN(DCGAN.Config(width=4), Spec((1, 32, 32)))
    with pytest.raises(ValueError, match="row 'dcgan' has no latents with a posterior"):
        factors.encode(model, torch.zeros(2, 32, 32, 1, dtype=torch.uint8), torch.device("cpu"), "row 'dcgan'")
