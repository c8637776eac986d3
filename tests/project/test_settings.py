"""params.yaml and profiles: what is checked in is valid; what is wrong is named with file, place, value and remedy."""

import json
from pathlib import Path

import pytest
import yaml

from paragone.project import paths, profiles, settings
from paragone.project.params import Params, ParamsError
from support import settings_files

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


def write(tmp_path: Path, change=lambda p: None) -> None:
    value = yaml.safe_load(yaml.safe_dump(GOOD))
    change(value)
    settings_files.write(tmp_path, value)


def load(tmp_path: Path, change=lambda p: None) -> Params:
    write(tmp_path, change)
    return settings.load(tmp_path)


def profile(p):
    return p["profiles"]["p"]


def another(p):
    """A second data set."""
    p["datasets"]["e"] = {"loader": "shapes", "source": "generated"}


def test_the_projects_own_files_are_valid(root):
    params = settings.load(root)
    assert {"smoke", "quick", "survey"} <= set(params.profiles) == set(profiles.names(root))
    for name, chosen in params.profiles.items():
        assert set(chosen.spaces) - {"classifier"}, f"{name}: no space that knows no labels of its data"


def test_the_paper_is_the_default_and_the_profile_overrides_it(tmp_path):
    params = load(tmp_path, lambda p: profile(p)["models"]["dcgan"].update(config={"width": 8}))
    plan = params.plan("p", "d", "dcgan")
    assert plan.kimg == 1
    assert plan.batch == 128  # Radford 2015
    assert params.config("p", "d", "dcgan") == {"width": 8}


def test_a_data_set_can_override_again(tmp_path):
    here = {"d": {"plan": {"kimg": 7}, "config": {"width": 4}}}
    params = load(tmp_path, lambda p: profile(p)["models"]["dcgan"].update(overrides=here))
    assert params.plan("p", "d", "dcgan").kimg == 7
    assert params.config("p", "d", "dcgan") == {"width": 4}


def test_one_model_stands_in_several_rows_some_on_some_data_sets(tmp_path):
    def change(p):
        another(p)
        profile(p)["datasets"] = {"d": ["dcgan"], "e": "all"}
        profile(p)["models"]["wide"] = {"model": "dcgan", "title": "DCGAN (wide)", "config": {"width": 128}}

    params = load(tmp_path, change)
    assert params.model("p", "wide") == params.model("p", "dcgan") == "dcgan"
    assert params.config("p", "e", "wide") == {"width": 128}
    assert params.get_profile("p").rows("d") == ["dcgan"]
    assert params.get_profile("p").rows("e") == ["dcgan", "wide"]


def test_a_budget_multiplies_every_plans_length(tmp_path):
    params = load(tmp_path, lambda p: profile(p).update(budget=2.5))
    assert params.plan("p", "d", "dcgan").kimg == 2.5


def test_one_profile_is_read_and_faults_of_others_do_not_matter(tmp_path):
    write(tmp_path)
    (tmp_path / "profiles/q.yaml").write_text("a: [")
    assert list(settings.read(tmp_path, "p").profiles) == list(settings.read(tmp_path, "").profiles) == ["p"]
    assert settings.read(tmp_path).profiles == {}
    with pytest.raises(ParamsError, match=r"profiles/q\.yaml: not YAML"):
        settings.load(tmp_path)


def test_a_stage_under_dvc_goes_by_the_resolved_file_whatever_is_edited_meanwhile(tmp_path, monkeypatch):
    """And so DVC records the values that the stage had."""
    params = load(tmp_path, lambda p: profile(p)["models"].update(vae={"plan": {"kimg": 3}}))
    settings.write_resolved(tmp_path, params, "p")
    values = json.loads((tmp_path / paths.resolved("p")).read_text())
    assert values["models"] == {"dcgan": {"plan": {"kimg": 1}}, "vae": {"plan": {"kimg": 3}}}
    assert list(values["models"]) == ["dcgan", "vae"]  # tables follow the order
    settings_files.edit(tmp_path, "p", lambda p: p["models"]["dcgan"].update(plan={"kimg": 2}))
    assert settings.for_stage(tmp_path, "p").plan("p", "d", "dcgan").kimg == 2
    monkeypatch.setenv("DVC_STAGE", "train")
    assert settings.for_stage(tmp_path, "p") == params
    (tmp_path / paths.resolved("p")).unlink()
    with pytest.raises(ParamsError, match=r"runs/p/profile\.json: no such file.*`dvc repro runs/p/profile\.json`"):
        settings.for_stage(tmp_path, "p")


BAD = {
    "unknown model": (
        lambda p: profile(p)["models"].update(dcgam={}),
        r"models\.dcgam: no such model 'dcgam'; did you mean 'dcgan'",
    ),
    "unknown data set": (
        lambda p: profile(p).update(datasets=["dd"]),
        r"datasets has no data set 'dd'; did you mean 'd'",
    ),
    "unknown profile": (lambda p: p.update(profile="q"), r"profiles/q\.yaml: profiles has no profile 'q'; .*p"),
    "unknown key": (lambda p: profile(p).update(sampels=3), r"profiles/p\.yaml: sampels: no such key"),
    "unknown key of params.yaml": (lambda p: p.update(profil="p"), r"params\.yaml: profil: no such key"),
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
    "the best of no scores": (
        lambda p: profile(p)["models"]["dcgan"].update(plan={"kimg": 1.0, "keep": "best"}),
        r"dcgan\.plan: keep is 'best' and nothing is scored; give eval_every",
    ),
    "scores in a space that there is not": (
        lambda p: profile(p)["models"]["dcgan"].update(plan={"kimg": 1.0, "eval_every": 0.5, "eval_space": "lite"}),
        r"dcgan\.plan\.eval_space: no such space 'lite'; did you mean 'lite0'",
    ),
    "scores by who learned from the held-out images": (
        lambda p: profile(p)["models"]["dcgan"].update(plan={"kimg": 1.0, "eval_space": "classifier"}),
        r"dcgan\.plan\.eval_space: is 'classifier', which learned from the held-out images; choose another",
    ),
    "some rows that are not there": (
        lambda p: profile(p).update(datasets={"d": ["dcgam"]}),
        r"profiles/p\.yaml: datasets\.d: no such row 'dcgam'; did you mean 'dcgan'",
    ),
    "many samples of no row": (
        lambda p: profile(p).update(many={"dcgam": 5000}),
        r"profiles/p\.yaml: many\.dcgam: no such row that draws samples; did you mean 'dcgan'",
    ),
    "too few for the distance at infinity": (
        lambda p: profile(p).update(many={"dcgan": 500}),
        r"many\.dcgan: .*greater than or equal to 2000; it is 500",
    ),
    "no rows on a data set": (lambda p: profile(p).update(datasets={"d": []}), r"datasets\.d: .*at least 1 item"),
    "a row on no data set": (
        lambda p: (profile(p)["models"].update(vae={}), profile(p).update(datasets={"d": ["dcgan"]})),
        r"models\.vae: runs on no data set; name it under one of `datasets` \(d\)",
    ),
    "a data set twice": (lambda p: profile(p).update(datasets=["d", "d"]), r"datasets: names a data set twice"),
    "values for a data set that there is not": (
        lambda p: profile(p)["models"]["dcgan"].update(overrides={"e": {}}),
        r"datasets has no data set 'e'",
    ),
    "no budget": (lambda p: profile(p).update(budget=0), r"profiles/p\.yaml: budget: .*greater than 0; it is 0"),
    "empty seeds": (lambda p: profile(p).update(seeds=[]), r"profiles/p\.yaml: seeds: .*at least 1 item"),
    "repeated seeds": (lambda p: profile(p).update(seeds=[1, 1]), r"seeds \[1, 1\] names something twice"),
    "negative seed": (lambda p: profile(p).update(seeds=[-1]), r"seeds\.0: .*greater than or equal to 0"),
    "missing key": (lambda p: profile(p).pop("samples"), r"profiles/p\.yaml: samples: is missing"),
    "unknown loader": (
        lambda p: p["datasets"]["d"].update(loader="mnits"),
        "no such loader 'mnits'; did you mean 'mnist'",
    ),
    "too narrow a judge": (lambda p: p.update(judges=[16, 2]), r"params\.yaml: judges\.1: .*or equal to 4; it is 2"),
    "a judge of one set": (
        lambda p: p["datasets"]["d"].update(judges=[2]),
        r"params\.yaml: datasets\.d\.judges\.0: .*or equal to 4; it is 2",
    ),
    "no judge": (lambda p: p.update(judges=[]), r"params\.yaml: judges: .*at least 1 item"),
    "unknown space": (lambda p: profile(p).update(spaces=["pca"]), r"spaces: no such space 'pca'; known: classifier"),
    "local without a path": (lambda p: p["datasets"]["d"].update(source="local"), "needs a path"),
    "missing parent": (
        lambda p: profile(p)["models"].update(ddim={}),
        r"ddim\.parents: ddim needs the parents: ddpm; given: none",
    ),
    "two rows under one title": (
        lambda p: profile(p)["models"].update(other={"model": "dcgan"}),
        r"models\.other\.title: '' would name 'dcgan' too in the tables; give each row",
    ),
    "parent that does not run where its child does": (
        lambda p: (
            another(p),
            profile(p).update(datasets={"d": "all", "e": ["ddim"]}),
            profile(p)["models"].update(ddpm={}, ddim={"parents": {"ddpm": "ddpm"}}),
        ),
        r"ddim\.parents\.ddpm: 'ddpm' does not run on 'e', where 'ddim' does; name it in `datasets\.e`",
    ),
    "parent not in the profile": (
        lambda p: profile(p)["models"].update(ddim={"parents": {"ddpm": "ddpm"}}),
        r"parents\.ddpm: 'ddpm' is not a row of profile 'p'; add it",
    ),
    "a sweep over a key that the model lacks": (
        lambda p: profile(p)["models"]["dcgan"].update(sweep={"lrr": [0.1]}),
        r"profiles/p\.yaml: models\.dcgan-lrr-0_1\.config\.lrr: no such key; did you mean 'lr'",
    ),
    "a sweep of what is neither": (
        lambda p: profile(p)["models"]["dcgan"].update(sweep={"lr": 0.1}),
        r"profiles/p\.yaml: models\.dcgan\.sweep: give each key a list of values.*it is \{'lr': 0\.1\}",
    ),
    "rows that are a list": (
        lambda p: profile(p).update(models=["dcgan"]),
        r"p\.yaml: models: is \['dcgan'\], not rows",
    ),
    "a row that is null": (
        lambda p: profile(p)["models"].update(vae=None),
        r"models\.vae: is null, which drops a row.*extends no other; write \{\} for the paper's row",
    ),
    "a name of its own": (
        lambda p: profile(p).update(name="q"),
        r"p\.yaml: name: is 'q'; a profile is named by its file",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_named(tmp_path, name):
    change, message = BAD[name]
    with pytest.raises(ParamsError, match=message) as caught:
        load(tmp_path, change)
    assert ".yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_of_one_name_are_refused(tmp_path):
    write(tmp_path)
    file = tmp_path / "params.yaml"
    file.write_text(file.read_text().replace("datasets:\n", "datasets:\n  d: {loader: mnist, source: download}\n", 1))
    message = (
        r"^params\.yaml: line 3: 'd' stands in line 2 already, and two of one name would overwrite each other; rename"
    )
    with pytest.raises(ParamsError, match=message):
        settings.load(tmp_path)


def test_profiles_inside_of_params_yaml_are_to_be_moved(tmp_path):
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(GOOD))
    with pytest.raises(
        ParamsError, match=r"^params\.yaml: profiles: p no longer .* file of its own, as profiles/p\.yaml, "
    ):
        settings.read(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"params\.yaml: not found"),
        ("a: [", r"params\.yaml: not YAML"),
        ("", r"params\.yaml: is empty; write its keys"),
        ("- a", r"params\.yaml: holds list, not keys with values; it is \['a'\]"),
        ("profiles: x", r"params\.yaml: profiles: no such key; each profile is a file of its own"),
        ("datasets: {}", r"params\.yaml: profile: is missing; add it"),
    ],
)
def test_a_missing_or_broken_file_is_named(tmp_path, text, message):
    if text is not None:
        (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ParamsError, match=message):
        settings.load(tmp_path)
