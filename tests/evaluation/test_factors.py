"""Factors as the manifest holds them, and the latents of models."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from paragone.data import base as datasets
from paragone.evaluation import factors
from paragone.models.base import Model, Spec
from paragone.models.gan.dcgan import DCGAN
from paragone.models.vae.avb import AVB
from paragone.models.vae.beta_vae import BetaVAE
from paragone.models.vae.kl_autoencoder import KLAutoencoder
from paragone.models.vq.vq_vae_2 import VQVAE2
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


def test_all_latents_count_where_nothing_says_what_each_carries() -> None:
    torch.manual_seed(0)
    model = AVB(AVB.Config(hidden=8, z_dim=3, noises=2), Spec((1, 32, 32))).eval()
    images = torch.randint(0, 256, (5, 32, 32, 1), dtype=torch.uint8)
    found, again = (factors.encode(model, images, torch.device("cpu"), "model") for _ in range(2))
    assert found.active.tolist() == [True] * 3
    assert np.array_equal(found.codes, again.codes)  # AVB draws for its means


@pytest.mark.parametrize(
    "model",
    [
        DCGAN(DCGAN.Config(width=4), Spec((1, 32, 32))),
        VQVAE2(VQVAE2.Config(width=4, codes=4, dim=2), Spec((1, 32, 32))),
        KLAutoencoder(KLAutoencoder.Config(width=32, multipliers=(1, 2), blocks=1), Spec((1, 32, 32))),
    ],
)
def test_a_model_that_has_no_vectors_of_images_is_refused(model: Model) -> None:
    with pytest.raises(ValueError, match="row 'x' does not encode images as vectors; name rows of autoencoders"):
        factors.encode(model, torch.zeros(2, 32, 32, 1, dtype=torch.uint8), torch.device("cpu"), "row 'x'")


def test_without_names_a_study_of_encoders_takes_every_row_that_has_one() -> None:
    """On drawn sets alone; no GAN, no codes, no labels, no guest."""
    models: dict[str, Any] = {
        "dcgan": {},
        "vae": {},
        "cvae": {},
        "avb": {},
        "prior": {"model": "flow_prior", "parents": {"vae": "vae"}},
        "vq_vae": {},
        "mine": {"samples": "mine.zip"},
    }
    drawn = {"loader": "shapes", "source": "generated"}
    profile = {
        "about": "Latents.", "datasets": {"digits": "all", "drawn": ["dcgan", "vae", "cvae", "avb", "vq_vae", "mine"]},
        "seeds": [0, 1], "samples": 48, "sample_batch": 48, "spaces": ["classifier"], "models": models,
        "studies": {"edits": {}, "disentanglement": {"rows": ["vae"]}},
    }  # fmt: skip
    datasets = {"digits": {"loader": "mnist", "source": "packaged"}, "drawn": drawn}
    params = Params.model_validate({"profile": "p", "datasets": datasets, "profiles": {"p": profile}})
    every = factors.encoded_by_dataset(params.study(Path(), "p", "edits"))
    assert [(run.dataset, run.model, run.seed) for run in every["drawn"]] == [
        ("drawn", row, seed) for row in ("vae", "avb") for seed in (0, 1)
    ]
    assert list(every) == ["drawn"]
    named = factors.encoded_by_dataset(params.study(Path(), "p", "disentanglement"))
    assert list(named) == ["digits", "drawn"]
    assert {run.weights for run in every["drawn"]} < set(factors.depends(params.study(Path(), "p", "edits")))
