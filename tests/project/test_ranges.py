"""Numbers of a profile that no model can take are named with place, value and range."""

import re

import pytest

from paragone.project import ranges, registry, settings
from paragone.project.params import ParamsError
from support import settings_files

HEAD = {"profile": "p", "datasets": {"d": {"loader": "mnist", "source": "packaged"}}}
PROFILE = {"about": "a test", "datasets": ["d"], "seeds": [0], "samples": 100, "sample_batch": 50, "spaces": ["lite0"]}
WHERE = "profiles/p.yaml: models.row"


def check(tmp_path, model, **entry):
    row = {"model": model, **entry}
    settings_files.write(tmp_path, {**HEAD, "profiles": {"p": {**PROFILE, "models": {"row": row}}}})
    settings.load(tmp_path)


@pytest.mark.parametrize(
    ("model", "config", "message"),
    [
        ("wgan", {"z_dim": -3}, "config.z_dim: is -3; it must be at least 1"),
        ("sngan", {"z_dim": 0}, "config.z_dim: is 0; it must be at least 1"),
        ("vae", {"z_dim": True}, "config.z_dim: is True; give a number"),
        ("beta_vae", {"beta": float("nan")}, "config.beta: is nan; give a finite number"),
        ("vae_gan", {"gamma": float("inf")}, "config.gamma: is inf; give a finite number"),
        ("beta_vae", {"hidden": -3}, "config.hidden: is -3; it must be at least 1"),
        ("cgan", {"hidden": [200, True, 1200]}, "config.hidden: is [200, True, 1200]; give a number"),
        ("improved_ddpm", {"multipliers": [1, 0]}, "config.multipliers: is [1, 0]; it must be at least 1"),
        ("improved_ddpm", {"vlb_terms": -1}, "config.vlb_terms: is -1; it must not be negative"),
        ("ddpm", {"heads": 0}, "config.heads: is 0; it must be at least 1"),
        ("infogan", {"continuous": True}, "config.continuous: is True; give a number"),
        ("infogan", {"continuous_lambda": -0.1}, "config.continuous_lambda: is -0.1; it must not be negative"),
        ("aae", {"adversary_lr": 0}, "config.adversary_lr: is 0; it must be above 0"),
        ("wgan_gp", {"generator_lr": 0.0}, "config.generator_lr: is 0.0; it must be above 0"),
        ("gan", {"z_dim": 2**63}, f"config.z_dim: is {2**63}; it must be below 2^63"),
        ("cgan", {"dropout": 1}, "config.dropout: is 1; it must be below 1"),
    ],
)
def test_a_number_out_of_its_range_is_named(tmp_path, model, config, message):
    with pytest.raises(ParamsError, match="^" + re.escape(f"{WHERE}.{message}") + "$"):
        check(tmp_path, model, config=config)


def test_the_plan_and_what_a_data_set_overrides_are_checked_too(tmp_path):
    with pytest.raises(ParamsError, match=re.escape(f"{WHERE}.plan.kimg: is inf; give a finite number")):
        check(tmp_path, "wgan", plan={"kimg": float("inf")})
    with pytest.raises(ParamsError, match=re.escape(f"{WHERE}.overrides.d.config.width: is 0; it must be at least 1")):
        check(tmp_path, "wgan", overrides={"d": {"config": {"width": 0}}})


@pytest.mark.parametrize(
    ("model", "config"),
    [
        ("lsgan", {"a": -1.0, "b": 1, "c": 0}),  # the targets of its section 3.3
        ("infogan", {"noise": 0, "continuous": 0}),
        ("beta_vae", {"beta": 0}),
        ("sngan", {"generator_lr": None}),
        ("improved_ddpm", {"sampling_steps": 0, "attention": []}),
        ("dcgan", {"beta1": 0, "optimizer": "sgd"}),
    ],
)
def test_what_a_model_can_take_passes(tmp_path, model, config):
    check(tmp_path, model, config=config)


def test_the_names_it_treats_apart_exist(tmp_path):
    known = {name for model in registry.names("models") for name in registry.model_class(model).Config.__annotations__}
    assert known >= ranges.MAY_BE_ZERO | ranges.ANY_SIGN | ranges.BELOW_ONE
