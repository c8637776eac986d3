"""`paragone claims`: for people, for machines, from a saved table, and where nothing has run."""

import json
from pathlib import Path

import pytest

from paragone.cli import claims
from paragone.project import paths
from paragone.project.params import Params
from paragone.results import runs, schema
from support import sample_project


@pytest.fixture
def params(tmp_path: Path) -> Params:
    return sample_project.make(tmp_path, datasets=("mnist-5k",))


def test_people_get_a_table(tmp_path, params, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "150")
    claims.run(tmp_path, params)
    out = capsys.readouterr().out
    assert "The surveys' claims, tested on profile quick" in out
    assert "C35" in out
    assert "supported" in out


def test_machines_get_json_and_csv_and_nothing_else(tmp_path, params, capsys):
    claims.run(tmp_path, params, form="json")
    found = json.loads(capsys.readouterr().out)
    assert (found["profile"], len(found["claims"])) == ("quick", 35)
    claims.run(tmp_path, params, form="csv")
    assert capsys.readouterr().out.startswith("claim,verdict,sentence,reason,")
    claims.run(tmp_path, params, plan=True, form="json")
    assert json.loads(capsys.readouterr().out)["needs"][0]["id"] == "C01"


def test_a_saved_table_needs_no_project(tmp_path, params, capsys):
    schema.write(schema.as_table(runs.read(tmp_path, params, "quick").runs), tmp_path / "saved.parquet")
    claims.run_table(tmp_path / "saved.parquet", None, "json")
    by_id = {c["claim"]: c for c in json.loads(capsys.readouterr().out)["claims"]}
    assert by_id["C02"]["verdict"] == "not yet measured"
    assert "finished 3 seeds" not in by_id["C02"]["reason"]
    assert by_id["C02"]["reason"].endswith("it takes at least 5")


def test_the_plan_has_a_command_for_every_run(tmp_path, params, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / paths.Run("quick", "mnist-5k", "vae", 0).metrics).unlink()
    claims.run(tmp_path, params, plan=True)
    out = capsys.readouterr().out
    assert "1 of 24 runs of profile quick are not there; `make demo PROFILE=quick` makes them" in out
    assert "--models vae" in out


def test_the_profile_for_claims_is_taken_where_none_is_named(tmp_path, params, capsys):
    both = params.model_copy(update={"profiles": {**params.profiles, "claims-quick": params.profiles["quick"]}})
    sentence = (
        r"no run of profile claims-quick has finished.*`make demo PROFILE=claims-quick` makes them.*--plan.*"
        "or name a profile that has runs: quick"
    )
    with pytest.raises(ValueError, match=sentence):
        claims.run(tmp_path, both)
    claims.run(tmp_path, both, plan=True)  # says what to run
    assert "of profile claims-quick are not there" in capsys.readouterr().out
