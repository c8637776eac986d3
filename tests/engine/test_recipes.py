"""A model file from elsewhere: whatever its recipe says, one kind of error, and no memory for what it does not hold."""

import json
import os
import resource

import pytest
import torch

from paragone.engine import checkpoint, inference
from paragone.engine.checkpoint import CheckpointError
from paragone.models.base import Spec

SPEC = Spec((1, 32, 32), 10)
GOOD = checkpoint.recipe("dcgan", SPEC, {"width": 4}, {})
DDIM = checkpoint.recipe("ddim", SPEC, {}, {"ddpm": checkpoint.recipe("ddpm", SPEC, {"width": 16}, {})})


def nested(depth: int) -> dict:
    return GOOD if depth == 0 else {**GOOD, "parents": {"a": nested(depth - 1)}}


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ([], "in place of an object"),
        ("dcgan", "in place of an object"),
        ({**GOOD, "shape": [1, 32]}, "in place of three numbers"),
        ({**GOOD, "shape": [1, 32, -32]}, "in place of three numbers"),
        ({**GOOD, "shape": [1, 32, 32.0]}, "in place of three numbers"),
        ({**GOOD, "shape": [True, 32, 32]}, "in place of three numbers"),
        ({**GOOD, "shape": [1, 2**40, 32]}, "in place of three numbers"),
        ({**GOOD, "classes": None}, "in place of a number from 0"),
        ({**GOOD, "classes": -1}, "in place of a number from 0"),
        ({k: v for k, v in GOOD.items() if k != "classes"}, "in place of a number from 0"),
        ({**GOOD, "model": "../../evil"}, "which this version of Paragone does not have"),
        ({**GOOD, "model": ["dcgan"]}, "which this version of Paragone does not have"),
        ({**GOOD, "model": "base"}, "which this version of Paragone does not have"),
        ({**GOOD, "config": [["width", 4]]}, "config or parents are no object"),
        ({**GOOD, "parents": None}, "config or parents are no object"),
        ({**GOOD, "config": {"width": "four"}}, "its recipe's config.width"),
        ({**GOOD, "config": {"wide": 4}}, "no such key"),
        ({**GOOD, "config": {"width": -4}}, "it must be at least 1"),
        ({**GOOD, "config": {"width": 10**15}}, "no number of one is above"),
        ({**GOOD, "config": {"width": float("nan")}}, "no number of one is above"),
        ({**GOOD, "parents": {"teacher": GOOD}}, "needs the parents: none"),
        (nested(20), "generations of parents"),
        ({**DDIM, "parents": {"ddpm": {**GOOD, "features": "evil"}}}, "names the feature network 'evil'"),
        ({**DDIM, "parents": {"ddpm": {**GOOD, "features": ["lite0"]}}}, "names the feature network"),
        ({**DDIM, "parents": {"ddpm": {"features": "lite0", "shape": [1, 8, 8], "classes": 2, "size": "big"}}}, "size"),
        ({**DDIM, "config": {"steps": 5000}}, "builds no network"),
        ({**GOOD, "config": {"width": 8}}, "do not fit"),
        ({**GOOD, "model": "gan", "config": {}}, "they lack"),
    ],
)
def test_a_recipe_that_is_none_is_one_kind_of_error(tmp_path, recipe, message):
    file = tmp_path / "model.safetensors"
    checkpoint.save(file, checkpoint.build(GOOD).state_dict(), {"outcome": "finished", "recipe": recipe})
    with pytest.raises(CheckpointError, match=message) as found:
        checkpoint.load_model(file)
    assert str(found.value).startswith(f"{file}: ")
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    "recipe",
    [
        {**GOOD, "config": {"width": 16_000}},  # two gigabytes and more of weights
        {**GOOD, "shape": [16_000, 32, 32]},
        checkpoint.recipe("ddpm", SPEC, {"width": 16_384}, {}),
        checkpoint.recipe("glow", Spec((3, 32, 32), 0), {"steps": 1_000_000}, {}),
        checkpoint.recipe("pixel_cnn", SPEC, {"layers": 2_000_000}, {}),
    ],
    ids=["wide", "channels", "unet", "deep", "deeper"],
)
def test_a_small_file_that_asks_for_a_large_network_takes_no_memory(tmp_path, recipe):
    file = tmp_path / "model.safetensors"
    checkpoint.save(file, {"x": torch.ones(1)}, {"outcome": "finished", "recipe": recipe})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError, match=r"they lack|parts"):
        checkpoint.load_model(file)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


@pytest.mark.parametrize(
    "metadata", ["[]", "null", "not json", '{"a": NaN', "[" * 200_000], ids=["list", "null", "text", "cut", "deep"]
)
def test_metadata_that_is_none_is_one_kind_of_error(tmp_path, metadata):
    from safetensors.torch import save_file

    save_file({"x": torch.ones(1)}, tmp_path / "m.safetensors", {"paragone": metadata})
    with pytest.raises(CheckpointError, match="not a file that paragone wrote"):
        checkpoint.load_model(tmp_path / "m.safetensors")


def test_what_is_no_file_is_one_kind_of_error(tmp_path):
    os.mkfifo(tmp_path / "pipe.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(CheckpointError, match="it is no regular file"):
            inference.load(tmp_path / f"{name}.safetensors")


@pytest.mark.parametrize(
    ("metadata", "beside", "message"),
    [
        ({}, {}, "does not say how its training ended"),
        ({"outcome": "won", "precision": "fp32"}, {}, "does not say how its training ended"),
        ({"outcome": "finished", "precision": 32}, {}, "does not say how its training ended"),
        ({"outcome": "finished", "precision": "fp32"}, {"sampling.json": {"batch": "all"}}, "its batch is 'all'"),
        ({"outcome": "finished", "precision": "fp32"}, {"sampling.json": {"batch": 10**30}}, "its batch is 1000"),
        ({"outcome": "finished", "precision": "fp32"}, {"config.json": []}, "holds a list in place of an object"),
        ({"outcome": "finished", "precision": "fp32"}, {"failure.json": "x"}, "holds a str in place of an object"),
    ],
)
def test_what_stands_beside_the_weights_is_one_kind_of_error(tmp_path, metadata, beside, message):
    checkpoint.save_model(tmp_path / "model.safetensors", checkpoint.build(GOOD), GOOD, **metadata)
    for name, content in beside.items():
        (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=message):
        inference.load(tmp_path)
