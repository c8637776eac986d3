"""The profiles of the claims hold what these rest on, and nothing else."""

from pathlib import Path

import pytest

from paragone.project import registry
from paragone.project import settings as files
from paragone.project.params import Params
from paragone.results.claims.base import SEEDS, Claim
from support import ROOT

LARGE, SECOND = "claims-large", "claims-second"
PROFILES = ("claims-quick", LARGE, SECOND)
OF_LARGE = ("C16", "C25", "C29", "C30")  # whose systems two cores cannot train in minutes
AGAIN = ("C01", "C03", "C07", "C08", "C10")  # on clothes and photographs
SHOWN = {"worked_scores"}  # studies that the surveys' pages are made of


@pytest.fixture(scope="module")
def settings() -> Params:
    return files.load(ROOT, *PROFILES)


def claims() -> dict[str, Claim]:
    return {n.partition("_")[0].upper(): registry.load("claims", n).CLAIM for n in registry.names("claims")}


def test_every_claim_of_the_surveys_is_there() -> None:
    assert sorted(claims()) == [f"C{n:02d}" for n in range(1, 36)]


def _stands(claim: Claim, settings: Params, name: str) -> bool:
    profile = settings.get_profile(name)
    rows = any(set(claim.rows) <= set(profile.rows(dataset)) for dataset in profile.datasets)
    return rows and set(claim.studies) <= set(profile.studies)


@pytest.mark.parametrize("name", claims())
def test_what_a_claim_rests_on_stands_in_a_profile(name: str, settings: Params) -> None:
    claim = claims()[name]
    assert _stands(claim, settings, LARGE if name in OF_LARGE else "claims-quick")
    assert name not in AGAIN or _stands(claim, settings, SECOND)
    if claim.joins:
        assert _stands(claim, settings, LARGE)
        assert set(claim.joins) <= set(settings.get_profile(LARGE).models)


@pytest.mark.parametrize("name", PROFILES)
def test_every_row_and_study_is_there_for_a_claim(name: str, settings: Params) -> None:
    """By a claim, by a study's options, or as a parent of such a row."""
    profile = settings.get_profile(name)
    declared = {row for claim in claims().values() for row in (*claim.rows, *claim.joins)}
    for study in profile.studies:
        options = settings.study(Path(), name, study).options
        named = (getattr(options, field, ()) for field in ("row", "rows", "baseline", "few", "whole"))
        lists = ([value] if isinstance(value, str) else value for value in named if isinstance(value, str | tuple))
        declared |= {row for rows in lists for row in rows}
    while (
        parents := {p for row in declared & set(profile.models) for p in profile.models[row].parents.values()}
        - declared
    ):
        declared |= parents
    assert set(profile.models) <= declared
    assert {row for dataset in profile.datasets for row in profile.rows(dataset)} == set(profile.models)
    needed = {study for claim in claims().values() for study in (*claim.studies, *claim.joined_studies)}
    assert set(profile.studies) - SHOWN <= needed


@pytest.mark.parametrize("name", PROFILES)
def test_there_are_seeds_enough_for_a_verdict(name: str, settings: Params) -> None:
    assert len(settings.get_profile(name).seeds) >= SEEDS


@pytest.mark.parametrize("name", PROFILES)
def test_no_row_warms_up_for_longer_than_a_fifth_of_its_training(name: str, settings: Params) -> None:
    """As it would with a paper's warm-up that nobody shortened: it would never reach its learning rate."""
    profile = settings.get_profile(name)
    plans = {row: settings.plan(name, d, row) for d in profile.datasets for row in profile.rows(d)}
    assert {row for row, plan in plans.items() if plan.warmup_kimg > plan.kimg / 5} == set()
