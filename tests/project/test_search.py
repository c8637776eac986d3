"""Searches: what a range may be, what is drawn from it, and what is refused."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from paragone.project import search, settings
from paragone.project.params import Params, ParamsError

GIVEN: dict[str, Any] = {
    "profile": "small",
    "dataset": "d",
    "configurations": 3,
    "kimg": 1.0,
    "held_out": 16,
    "samples": 16,
    "space": "lite0",
    "rows": {"wgan": {"lr": [1e-5, 1e-3, "log"]}},
}
PARAMS = Params.model_validate(
    {
        "profile": "small",
        "datasets": {"d": {"loader": "mnist", "source": "packaged"}},
        "profiles": {
            "small": {
                "about": "A row.",
                "datasets": ["d"],
                "seeds": [0],
                "samples": 16,
                "sample_batch": 16,
                "spaces": ["lite0"],
                "models": {
                    "wgan": {"config": {"width": 8}},
                    "ddpm": {},
                    "ddim": {"parents": {"ddpm": "ddpm"}},
                },
            }
        },
    }
)


def ranges(tmp_path: Path, **changes: Any) -> dict[str, dict[str, search.Range]]:
    file = tmp_path / search.path("small")
    file.parent.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump(GIVEN | changes))
    return search.check(PARAMS, "small", search.read(tmp_path, "small"))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"rows": {"wgan": {"lr": [1e-3, 1e-5]}}},
            "rows.wgan.lr: goes from 0.001 to 1e-05; write the smaller end first",
        ),
        (
            {"rows": {"wgan": {"lr": [0, 1e-3, "log"]}}},
            "rows.wgan.lr: goes from 0 on a logarithmic scale; begin above 0",
        ),
        (
            {"rows": {"wgan": {"lr": [1e-3]}}},
            "rows.wgan.lr: is [0.001]; write [low, high], [low, high, log] or {one_of: ",
        ),
        (
            {"rows": {"wgan": {"norm": [0, 1]}}},
            "rows.wgan.norm: is a range of numbers, and the key takes bool; write {one_",
        ),
        (
            {"rows": {"ddpm": {"schedule": [0, 1]}}},
            "rows.ddpm.schedule: is a range of numbers, and the key takes Literal",
        ),
        ({"rows": {"wgan": {"width": [1.5, 8]}}}, "rows.wgan.width: Input should be a valid integer"),
        ({"rows": {"wgan": {"width": [0, 8]}}}, "rows.wgan.width: is 0; it must be at least 1"),
        ({"rows": {"wgan": {"rate": [1, 2]}}}, "rows.wgan.rate: no such key of wgan; "),
        (
            {"rows": {"wgan": {"plan.kimg": [1, 2]}}},
            "rows.wgan.plan.kimg: is the budget, which every configuration shares",
        ),
        ({"rows": {"dcgan": {}}}, "rows.dcgan: no such row of profile 'small' on 'd'; "),
        ({"rows": {"ddim": {}}}, "rows.ddim: starts from another model; search that one, and leave this row out"),
        ({"rows": {"wgan": {}}}, "rows.wgan: has no range; give one of each key to search, or leave this row out"),
        ({"space": "classifier"}, "space: is 'classifier', which learned from the held-out images; choose another"),
        ({"dataset": "e"}, "dataset: profile 'small' has no data set 'e'; "),
        ({"configurations": 0}, "configurations: Input should be greater than or equal to 1; it is 0"),
    ],
)
def test_what_cannot_be_searched_is_one_sentence(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ParamsError) as refused:
        ranges(tmp_path, **changes)
    assert str(refused.value).startswith(f"searches/small.yaml: {sentence}")
    assert "\n" not in str(refused.value)


def test_a_search_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"searches/big\.yaml: there is no search 'big'; "):
        search.read(tmp_path, "big")


def test_draws_are_even_on_their_scale_and_follow_from_seed_row_number_and_key(tmp_path: Path) -> None:
    rows = {"wgan": {"lr": [1e-5, 1e-3, "log"], "clip": [0.01, 0.05], "n_critic": [1, 4], "norm": {"one_of": [True]}}}
    of = ranges(tmp_path, rows=rows)["wgan"]
    spec = search.read(tmp_path, "small")
    drawn = [search.draw(spec, "wgan", i, of) for i in range(1, 2001)]
    assert search.draw(spec, "wgan", 0, of) == {}  # the profile's own
    assert np.mean([math.log10(d["lr"]) for d in drawn]) == pytest.approx(-4, abs=0.05)
    assert np.mean([d["clip"] for d in drawn]) == pytest.approx(0.03, abs=0.001)
    assert {d["n_critic"] for d in drawn} == {1, 2, 3, 4}
    assert {type(d["n_critic"]) for d in drawn} == {int}
    assert min(d["lr"] for d in drawn) >= 1e-5
    fewer = ranges(tmp_path, rows={"wgan": {"lr": rows["wgan"]["lr"]}})["wgan"]
    assert search.draw(spec, "wgan", 7, fewer)["lr"] == drawn[6]["lr"]


def test_a_configuration_changes_the_rows_own_at_the_searchs_budget(tmp_path: Path) -> None:
    ranges(tmp_path)
    spec = search.read(tmp_path, "small")
    plan, config = search.applied(PARAMS, "small", spec, "wgan", {"lr": 2e-4, "plan.batch": 8})
    assert (plan.kimg, plan.batch, config) == (1.0, 8, {"width": 8, "lr": 2e-4})


def test_the_projects_own_searches_can_be_run(root: Path) -> None:
    for file in sorted((root / "searches").glob("*.yaml")):
        spec = search.read(root, file.stem)
        search.check(settings.read(root, spec.profile), file.stem, spec)
