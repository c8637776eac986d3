"""params.yaml: what is checked in is valid; what is wrong is named with place, value and remedy."""

from pathlib import Path

import pytest
import yaml

from paragone.project import params as module
from paragone.project.params import ParamsError

GOOD = {
    "profile": "p",
    "datasets": {"d": {"loader": "mnist", "source": "packaged"}},
    "profiles": {
        "p": {
            "about": "a test",
            "datasets": ["d"],
            "seeds": [0],
            "samples": 100,
            "sample_batch": 50,
            "spaces": ["classifier"],
            "models": {"dcgan": {"plan": {"kimg": 1}}},
        }
    },
}


def load(tmp_path: Path, change=lambda p: None) -> module.Params:
    value = yaml.safe_load(yaml.safe_dump(GOOD))
    change(value)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(value))
    return module.load(tmp_path)


def test_the_projects_own_file_is_valid(root):
    params = module.load(root)
    assert {"smoke", "quick", "survey"} <= set(params.profiles)


def test_the_paper_is_the_default_and_the_profile_overrides_it(tmp_path):
    params = load(tmp_path, lambda p: p["profiles"]["p"]["models"]["dcgan"].update(config={"width": 8}))
    plan = params.plan("p", "d", "dcgan")
    assert plan.kimg == 1
    assert plan.batch == 128  # Radford 2015
    assert params.config("p", "d", "dcgan") == {"width": 8}


def test_a_data_set_can_override_again(tmp_path):
    own = {"d": {"plan": {"kimg": 7}, "config": {"width": 4}}}
    params = load(tmp_path, lambda p: p["profiles"]["p"]["models"]["dcgan"].update(datasets=own))
    assert params.plan("p", "d", "dcgan").kimg == 7
    assert params.config("p", "d", "dcgan") == {"width": 4}


def test_one_model_stands_in_several_rows_some_on_some_data_sets(tmp_path):
    def change(p):
        p["datasets"]["e"] = p["datasets"]["d"]
        profile(p)["datasets"] = ["d", "e"]
        profile(p)["models"]["wide"] = {
            "model": "dcgan", "title": "DCGAN (wide)", "config": {"width": 128}, "only": ["e"],
        }  # fmt: skip

    params = load(tmp_path, change)
    assert params.model("p", "wide") == params.model("p", "dcgan") == "dcgan"
    assert params.config("p", "e", "wide") == {"width": 128}
    assert params.get_profile("p").rows("d") == ["dcgan"]
    assert params.get_profile("p").rows("e") == ["dcgan", "wide"]


def test_a_data_set_can_have_some_rows_only(tmp_path):
    def change(p):
        p["datasets"]["e"] = {"loader": "shapes", "source": "generated"}
        profile(p)["datasets"] = ["d", "e"]
        profile(p)["models"]["vae"] = {}
        profile(p)["only"] = {"e": ["vae"]}

    chosen = load(tmp_path, change).get_profile("p")
    assert (chosen.rows("d"), chosen.rows("e")) == (["dcgan", "vae"], ["vae"])


def test_a_budget_multiplies_every_plans_length(tmp_path):
    params = load(tmp_path, lambda p: profile(p).update(budget=2.5))
    assert params.plan("p", "d", "dcgan").kimg == 2.5


def profile(p):
    return p["profiles"]["p"]


BAD = {
    "unknown model": (
        lambda p: profile(p)["models"].update(dcgam={}),
        r"p\.models\.dcgam: no such model 'dcgam'; did you mean 'dcgan'",
    ),
    "unknown data set": (lambda p: profile(p).update(datasets=["dd"]), r"datasets has no data set 'dd'"),
    "unknown profile": (lambda p: p.update(profile="q"), "profiles has no profile 'q'"),
    "unknown key": (lambda p: profile(p).update(sampels=3), r"profiles\.p\.sampels: no such key"),
    "unknown config key": (
        lambda p: profile(p)["models"]["dcgan"].update(config={"widht": 3}),
        r"dcgan\.config\.widht: no such key; did you mean 'width'",
    ),
    "unknown plan key": (
        lambda p: profile(p)["models"]["dcgan"].update(plan={"kimgs": 3}),
        r"dcgan\.plan\.kimgs: no such key; did you mean 'kimg'",
    ),
    "wrong type": (lambda p: profile(p).update(samples="many"), r"samples: .*valid integer; it is 'many'"),
    "wrong type in config": (
        lambda p: profile(p)["models"]["dcgan"].update(config={"width": "wide"}),
        r"dcgan\.config\.width: .*integer.*'wide'",
    ),
    "wrong type in plan": (
        lambda p: profile(p)["models"]["dcgan"].update(plan={"kimg": "long"}),
        r"dcgan\.plan\.kimg: .*number.*'long'",
    ),
    "negative budget": (lambda p: profile(p)["models"]["dcgan"].update(plan={"kimg": -1}), "kimg is -1"),
    "some rows on a data set that the profile lacks": (
        lambda p: profile(p).update(only={"e": ["dcgan"]}),
        r"profiles\.p\.only\.e: is not a data set of the profile; known: d",
    ),
    "some rows that are not there": (
        lambda p: profile(p).update(only={"d": ["vae"]}),
        r"profiles\.p\.only\.d: no such row 'vae'; known: dcgan",
    ),
    "no rows on a data set": (lambda p: profile(p).update(only={"d": []}), r"profiles\.p\.only\.d: names no row"),
    "no budget": (lambda p: profile(p).update(budget=0), r"profiles\.p\.budget: .*greater than 0; it is 0"),
    "empty seeds": (lambda p: profile(p).update(seeds=[]), r"profiles\.p\.seeds: .*at least 1 item"),
    "repeated seeds": (lambda p: profile(p).update(seeds=[1, 1]), r"seeds \[1, 1\] names something twice"),
    "negative seed": (lambda p: profile(p).update(seeds=[-1]), r"seeds\.0: .*greater than or equal to 0"),
    "missing key": (lambda p: profile(p).pop("samples"), r"profiles\.p\.samples: is missing"),
    "unknown loader": (lambda p: p["datasets"]["d"].update(loader="mnits"), "no such loader 'mnits'"),
    "unknown space": (lambda p: profile(p).update(spaces=["vgg"]), r"spaces: no such space 'vgg'; known: classifier"),
    "local without a path": (lambda p: p["datasets"]["d"].update(source="local"), "needs a path"),
    "missing parent": (
        lambda p: profile(p)["models"].update(ddim={}),
        r"ddim\.parents: ddim needs the parents: ddpm; given: none",
    ),
    "two rows under one title": (
        lambda p: profile(p)["models"].update(other={"model": "dcgan"}),
        r"models\.other\.title: '' would name 'dcgan' too in the tables; give each row",
    ),
    "a row on a data set that the profile lacks": (
        lambda p: profile(p)["models"]["dcgan"].update(only=["e"]),
        r"models\.dcgan: 'e' is not a data set of profile 'p'; known: d",
    ),
    "parent that does not run where its child does": (
        lambda p: (
            p["datasets"].update(e=p["datasets"]["d"]),
            profile(p).update(datasets=["d", "e"]),
            profile(p)["models"].update(ddpm={"only": ["d"]}, ddim={"parents": {"ddpm": "ddpm"}}),
        ),
        r"ddim\.parents\.ddpm: 'ddpm' does not run on 'e'; widen its `only`",
    ),
    "a seed of 65 bits": (lambda p: profile(p).update(seeds=[2**64 - 1]), r"seeds\.0: .*less than 9223372036854775808"),
    "more samples than any machine holds": (lambda p: profile(p).update(samples=10**30), r"samples: .*less than"),
    "a batch beyond 32 bits": (
        lambda p: profile(p).update(sample_batch=2**31),
        r"sample_batch: .*less than 2147483648",
    ),
    "a budget without end": (lambda p: profile(p).update(budget=float("inf")), r"budget: .*finite number"),
    "a limit without end": (lambda p: profile(p).update(stage_hours=float("inf")), r"stage_hours: .*finite number"),
    "parent not in the profile": (
        lambda p: profile(p)["models"].update(ddim={"parents": {"ddpm": "ddpm"}}),
        r"parents\.ddpm: 'ddpm' is not a model of profile 'p'; add it",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_named(tmp_path, name):
    change, message = BAD[name]
    with pytest.raises(ParamsError, match=message) as caught:
        load(tmp_path, change)
    assert "params.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_of_one_name_are_refused(tmp_path):
    text = yaml.safe_dump(GOOD, sort_keys=False)
    twice = text.replace("datasets:\n", "datasets:\n  d: {loader: mnist, source: download}\n", 1)
    (tmp_path / "params.yaml").write_text(twice)
    said = (
        r"^params\.yaml: line 4: 'd' stands in line 3 already, and two of one name would overwrite each other; rename"
    )
    with pytest.raises(ParamsError, match=said):
        module.load(tmp_path)


def test_a_missing_or_broken_file_is_named(tmp_path):
    with pytest.raises(ParamsError, match="not found"):
        module.load(tmp_path)
    (tmp_path / "params.yaml").write_text("a: [")
    with pytest.raises(ParamsError, match="not YAML"):
        module.load(tmp_path)
