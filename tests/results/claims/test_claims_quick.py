"""The profile claims-quick holds what the claims rest on, and nothing else."""

from pathlib import Path

import pytest

from paragone.project import registry
from paragone.project import settings as files
from paragone.project.params import Params
from paragone.results.claims.base import SEEDS, Claim
from support import ROOT

PROFILE = "claims-quick"
SHOWN = {"worked_scores"}  # studies that the surveys' pages are made of


@pytest.fixture(scope="module")
def settings() -> Params:
    return files.load(ROOT, PROFILE)


def claims() -> dict[str, Claim]:
    found = {name: registry.load("claims", name).CLAIM for name in registry.names("claims")}
    return {name: claim for name, claim in found.items() if not claim.lacks}


@pytest.mark.parametrize("name", claims())
def test_what_a_claim_rests_on_stands_in_the_profile(name: str, settings: Params) -> None:
    claim, profile = claims()[name], settings.get_profile(PROFILE)
    assert set(claim.studies) <= set(profile.studies)
    assert any(set(claim.rows) <= set(profile.rows(dataset)) for dataset in profile.datasets)


def test_every_row_and_study_is_there_for_a_claim(settings: Params) -> None:
    """By a claim, by a study's options, or as a parent of such a row."""
    profile = settings.get_profile(PROFILE)
    declared = {row for claim in claims().values() for row in claim.rows}
    for name in profile.studies:
        options = settings.study(Path(), PROFILE, name).options
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
    assert set(profile.studies) - SHOWN == {study for claim in claims().values() for study in claim.studies}


def test_there_are_seeds_enough_for_a_verdict(settings: Params) -> None:
    assert len(settings.get_profile(PROFILE).seeds) >= SEEDS
