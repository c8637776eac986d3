"""What a claim lacks, and the command that makes it."""

import pytest

from paragone.project import paths
from paragone.report.claims import plan, verdicts
from paragone.report.claims.plan import Need
from paragone.results import runs
from support import sample_project


@pytest.fixture
def needs(tmp_path) -> dict[str, Need]:
    params = sample_project.make(tmp_path, seeds=(0, 1, 2, 3, 4), datasets=("mnist-5k",))
    (tmp_path / paths.Run("quick", "mnist-5k", "dcgan", 1).metrics).unlink()
    found = runs.read(tmp_path, params, "quick")
    return {n.id: n for n in plan.needs(verdicts.assess(found, params), found, params)}


def test_runs_that_are_not_there_are_named_with_their_command(needs):
    need = needs["C02"]
    assert need.missing == [
        "dcgan: 1 of 5 runs are not there (mnist-5k/dcgan/1 unfinished: sampled, not evaluated yet)"
    ]
    assert need.commands == [".venv/bin/python -m flows.benchmark --profile quick --models dcgan"]
    assert "'dcgan' finished 4 seeds of at least 5" in need.reason


def test_a_row_or_study_that_the_profile_lacks_is_named(needs):
    assert needs["C12"].missing == ["flow_prior: not in profile quick"]
    assert needs["C20"].missing == ["study sampling_time: not in profile quick"]
    assert "study collapse: not in profile quick" in needs["C06"].missing
    assert needs["C06"].commands == []  # no other profile has them


def test_a_profile_that_has_the_rows_is_named(tmp_path):
    params = sample_project.make(tmp_path, seeds=(0,), datasets=("mnist-5k",))
    quick = params.profiles["quick"]
    models = {row: quick.models[row] for row in ("gan", "vae")}
    small = quick.model_copy(update={"models": models})
    both = params.model_copy(update={"profiles": {"small": small, "quick": quick}})
    found = runs.read(tmp_path, both, "small")
    need = {n.id: n for n in plan.needs(verdicts.assess(found, both), found, both)}["C02"]
    assert need.missing == ["dcgan: not in profile small"]
    assert need.commands == ["make demo PROFILE=quick"]


def test_of_two_profiles_the_one_with_enough_seeds_is_named(tmp_path):
    params = sample_project.make(tmp_path, seeds=(0,), datasets=("mnist-5k",))
    quick = params.profiles["quick"]
    small = quick.model_copy(update={"models": {row: quick.models[row] for row in ("gan", "vae")}})
    large = quick.model_copy(update={"seeds": [0, 1, 2, 3, 4]})
    every = params.model_copy(update={"profiles": {"small": small, "quick": quick, "large": large}})
    found = runs.read(tmp_path, every, "small")
    need = {n.id: n for n in plan.needs(verdicts.assess(found, every), found, every)}["C02"]
    assert need.commands == ["make demo PROFILE=large"]


def test_a_study_that_has_not_run_has_its_stage(tmp_path):
    params = sample_project.make(tmp_path, datasets=("mnist-5k",))
    (tmp_path / paths.study("quick", "sample_size")).unlink()
    found = runs.read(tmp_path, params, "quick")
    need = {n.id: n for n in plan.needs(verdicts.assess(found, params), found, params)}["C31"]
    assert need.missing == ["study sample_size: has not run"]
    assert need.commands == ['PATH="$PWD/.venv/bin:$PATH" dvc repro dvc.yaml:study-sample_size']


def test_rows_and_studies_of_a_larger_profile_are_named(needs):
    assert needs["C16"].missing == [
        "stylegan2: not in profile quick", "stylespace: not in profile quick", "study channels: not in profile quick",
    ]  # fmt: skip


def test_measured_claims_are_not_listed(needs):
    assert "C02" in needs  # dcgan, too
    assert "C28" in needs
    assert "C31" not in needs  # its study is there
