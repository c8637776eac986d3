"""Rows whose networks cannot be built are named before anything trains; those that may be built are not."""

from typing import Any

import pytest

from paragone.project import checks, networks, settings
from paragone.project.params import Params, ParamsError
from support import ROOT


def params(models: dict[str, Any], resolution: int = 32) -> Params:
    profile = {
        "about": "some rows", "datasets": ["digits"], "seeds": [0], "samples": 16, "sample_batch": 16,
        "spaces": ["random_conv"], "models": models,
    }  # fmt: skip
    data = {"loader": "mnist", "source": "packaged", "resolution": resolution}
    return Params(profile="some", datasets={"digits": data}, profiles={"some": profile})


SMALL = {"z_dim": 8, "w_dim": 8, "depth": 1, "width": 64, "max_width": 8}
STYLEGAN2 = {"plan": {"kimg": 1}, "config": SMALL}


@pytest.mark.parametrize(
    ("models", "resolution", "words"),
    [
        (
            {"progan": {}},
            24,
            r"models\.progan, on 'digits': ProGAN takes .* a power of two from 8 up; these are 24 x 24",
        ),
        ({"gan": {}, "stylespace": {"parents": {"stylegan2": "gan"}}}, 32, "models.stylespace, .* its parent is a GAN"),
        (
            {"gan": {}, "mobile_stylegan": {"parents": {"teacher": "gan"}}},
            32,
            r"profiles/some\.yaml: models\.mobile_stylegan, on 'digits': .* its teacher is a GAN; name a StyleGAN2 row",
        ),
    ],
)
def test_what_cannot_be_built_is_named(models: dict[str, Any], resolution: int, words: str) -> None:
    with pytest.raises(ParamsError, match=words):
        networks.check(params(models, resolution), "some")


def test_what_can_be_built_for_some_images_of_the_size_passes() -> None:
    rows = {
        "stylegan2": STYLEGAN2,
        "stylespace": {"parents": {"stylegan2": "stylegan2"}},
        "cgan": {"config": {"hidden": [8, 8, 8], "units": [8, 8, 8]}},  # of labels
        "iwae": {"config": {"layers": [8, 8], "z_dim": 2}},  # of two levels
    }
    networks.check(params(rows), "some")


def test_rows_that_start_from_a_guest_are_left_out() -> None:
    rows = {"theirs": {"checkpoint": "theirs"}, "stylespace": {"parents": {"stylegan2": "theirs"}}}
    networks.check(params(rows), "some")


@pytest.mark.parametrize("model", ["stylegan", "stylegan2", "stylegan2_ada", "stylegan3"])
def test_truncation_is_of_averaged_weights(model: str) -> None:
    rows = {model: {"plan": {"kimg": 1, "ema_kimg": 0}, "config": {"truncation": 0.7}}}
    with pytest.raises(ParamsError, match=rf"models\.{model}\.config\.truncation: is 0\.7 and plan\.ema_kimg is 0; "):
        checks.profile(params(rows), "some")
    rows[model]["plan"]["ema_kimg"] = 1
    checks.profile(params(rows), "some")


@pytest.mark.parametrize("profile", ["quick", "all", "gpu"])
def test_the_networks_of_a_profile_can_be_built(profile: str) -> None:
    networks.check(settings.load(ROOT, profile), profile)
