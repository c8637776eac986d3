"""Names are file names."""

import pytest

from paragone import registry
from paragone.models.base import Model, Spec


def test_every_model_file_is_found_and_holds_one_model():
    assert {"gan", "dcgan", "wgan_gp", "vae", "vq_vae", "vq_prior", "ddpm", "ddim"} <= set(registry.names("models"))
    for name in registry.names("models"):
        assert issubclass(registry.model_class(name), Model)
        assert registry.family(name)


def test_no_two_files_share_a_name():
    for kind in ("models", "datasets", "metrics", "extractors"):
        stems = [f.stem for f in (registry._PACKAGE / kind).rglob("*.py") if f.stem not in ("__init__", "base")]
        assert len(stems) == len(set(stems))


def test_an_unknown_name_gets_a_hint():
    with pytest.raises(ValueError, match="there is no model 'dcgann': did you mean dcgan"):
        registry.model_class("dcgann")
    with pytest.raises(ValueError, match="there is no dataset 'zzz': known: "):
        registry.load("datasets", "zzz")


def test_unknown_config_keys_and_wrong_parents_are_refused():
    spec = Spec((1, 32, 32), 10)
    with pytest.raises(ValueError, match="model 'dcgan' has no config key 'depth'; it has: "):
        registry.build_model("dcgan", spec, {"depth": 3})
    with pytest.raises(ValueError, match="model 'ddim' needs the parents: ddpm; given: none"):
        registry.build_model("ddim", spec)
