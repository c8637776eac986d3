"""Names are file names."""

import pytest

from paragone.models.base import Model, Spec
from paragone.project import registry


def test_every_model_file_is_found_and_holds_one_model():
    assert {"gan", "dcgan", "wgan_gp", "vae", "vq_vae", "vq_prior", "ddpm", "ddim"} <= set(registry.names("models"))
    for name in registry.names("models"):
        assert issubclass(registry.model_class(name), Model)
        assert registry.family(name)


@pytest.mark.parametrize("kind", registry.FOLDERS)
def test_no_two_files_share_a_name(kind: str) -> None:
    folder = registry._PACKAGE / registry.FOLDERS[kind]
    files = [f for f in folder.rglob("*.py") if f.stem not in ("__init__", "base") and "layers" not in f.parts]
    assert sorted(f.stem for f in files) == registry.names(kind) != []


def test_shared_layers_are_no_models() -> None:
    """`models/layers/dcgan.py` holds networks; DCGAN is `models/gan/dcgan.py`."""
    assert registry.module_name("models", "dcgan") == "paragone.models.gan.dcgan"
    assert "functional" not in registry.names("models")


def test_an_unknown_name_gets_a_hint():
    with pytest.raises(ValueError, match="there is no model 'dcgann'; did you mean 'dcgan'"):
        registry.model_class("dcgann")
    with pytest.raises(ValueError, match="there is no dataset 'zzz'; known: "):
        registry.load("datasets", "zzz")


def test_unknown_config_keys_and_wrong_parents_are_refused():
    spec = Spec((1, 32, 32), 10)
    with pytest.raises(ValueError, match="model 'dcgan' has no config key 'depth'; it has: "):
        registry.build_model("dcgan", spec, {"depth": 3})
    with pytest.raises(ValueError, match="model 'ddim' needs the parents: ddpm; given: none"):
        registry.build_model("ddim", spec)
