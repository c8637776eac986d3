"""The JSON schemas are those of the code at hand; they take what can be run, and see what cannot."""

import json
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from paragone.cli import schema
from support import ROOT

PROFILES = sorted((ROOT / "profiles").glob("*.yaml"))


def validator(name: str) -> Draft7Validator:
    return Draft7Validator(json.loads((ROOT / f"schemas/{name}.json").read_text()))


def test_what_is_checked_in_is_what_the_code_allows() -> None:
    schema.run(ROOT, check=True)
    for name in ("params", "profile"):
        Draft7Validator.check_schema(json.loads((ROOT / f"schemas/{name}.json").read_text()))


@pytest.mark.parametrize("file", [ROOT / "params.yaml", *PROFILES], ids=lambda file: file.stem)
def test_every_file_names_its_schema_and_keeps_to_it(file: Any) -> None:
    name = "params" if file.stem == "params" else "profile"
    first = file.read_text().partition("\n")[0]
    folder = "" if name == "params" else "../"
    assert first == f"# yaml-language-server: $schema={folder}schemas/{name}.json"
    assert [e.message for e in validator(name).iter_errors(yaml.safe_load(file.read_text()))] == []


@pytest.mark.parametrize(
    "text",
    [
        "models: {dcgan: {config: {widht: 8}}}",
        "models: {dcgan: {config: {width: wide}}}",
        "models: {dcgan: {plan: {kimgs: 1}}}",
        "models: {dcgan: {plan: {decay: cosinus}}}",
        "models: {dcgan: {overrides: {shapes: {config: {widht: 8}}}}}",
        "models: {other: {model: dcgan, config: {widht: 8}}}",
        "models: {dcgan: {model: vae, config: {kernel: 4}}}",
        "models: {other: {model: dcgam}}",
        "models: {ddim: {parents: {dppm: ddpm}}}",
        "models: {dcgan: {only: [shapes]}}",
        "studies: {sharpnes: {}}",
        "studies: {sample_size: {rows: 3}}",
        "spaces: [vgg]",
        "datasets: {shapes: none}",
        "sampels: 3",
    ],
)
def test_what_cannot_be_run_is_seen(text: str) -> None:
    content = {"about": "a test", **yaml.safe_load(text)}
    assert not validator("profile").is_valid(content)
    assert validator("profile").is_valid(
        {"about": "a test", "models": {"dcgan": {"config": {"width": 8}}, "vae": None}}
    )


def test_a_data_sets_options_are_its_loaders() -> None:
    entry = {"loader": "shapes", "source": "generated", "options": {"n_train": 5}}
    params = {"profile": "p", "datasets": {"s": entry}}
    assert validator("params").is_valid(params)
    assert not validator("params").is_valid({**params, "datasets": {"s": {**entry, "options": {"n_trian": 5}}}})
    assert not validator("params").is_valid({**params, "datasets": {"s": {**entry, "source": "packaged"}}})
