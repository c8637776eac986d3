"""Reading runs: outcomes, nothing lost, broken files named."""

import json

import pandas as pd
import pytest

import sample_project
from paragone import paths
from paragone.report import results


def outcomes(found: results.Results) -> dict[str, tuple[str, str]]:
    return {row["name"]: (row["outcome"], row["reason"]) for row in found.rows()}


def test_a_row_a_run_with_its_outcome_and_reason(project):
    seen = outcomes(project.found)
    assert len(seen) == 2 * 8 * 3
    assert seen["mnist-5k/ddpm/2"] == ("finished", "")
    assert seen["mnist-5k/wgan_gp/1"] == ("diverged", "loss/critic became nan by 31.2 kimg (step 487 of 1562)")
    assert seen["fashion-mnist/vq_vae/0"][0] == "failed"
    assert "codebook" in seen["fashion-mnist/vq_vae/0"][1]
    assert seen["fashion-mnist/vq_prior/0"] == ("not run", "waits for its parent vq_vae (failed)")
    assert seen["fashion-mnist/ddpm/0"][0] == "not run"


def test_unfinished_runs_say_what_is_missing(tmp_path):
    params = sample_project.make(tmp_path, seeds=(0,), datasets=("mnist-5k",))
    (tmp_path / paths.Run("quick", "mnist-5k", "vae", 0).metrics).unlink()
    gan = paths.Run("quick", "mnist-5k", "gan", 0)
    (tmp_path / gan.metrics).unlink()
    (tmp_path / gan.sampling).unlink()
    seen = outcomes(results.read(tmp_path, params, "quick"))
    assert seen["mnist-5k/vae/0"] == ("unfinished", "sampled, not evaluated yet")
    assert seen["mnist-5k/gan/0"] == ("unfinished", "trained, not sampled yet")


def test_a_failure_outweighs_what_an_earlier_attempt_left(tmp_path):
    params = sample_project.make(tmp_path, seeds=(0,), datasets=("mnist-5k",))
    sample_project.put(tmp_path / paths.Run("quick", "mnist-5k", "vae", 0).failure, {"stage": "sample", "reason": "no"})
    assert outcomes(results.read(tmp_path, params, "quick"))["mnist-5k/vae/0"] == ("failed", "sample: no")


def test_nothing_of_the_files_is_lost(project):
    row = next(r for r in project.found.rows() if r["name"] == "mnist-5k/vae/1")
    run = project.found.where(row)
    for prefix, file in (("train", run.training), ("sampling", run.sampling), ("metrics", run.metrics)):
        content = json.loads((project.root / file).read_text())
        for key, value in results.flatten(prefix, content):
            assert row[key] == value or (value is None and results.is_missing(row[key])), key


def test_training_time_of_a_child_includes_its_parents(project):
    rows = {row["name"]: row for row in project.found.rows()}
    parent, child = rows["mnist-5k/vq_vae/0"], rows["mnist-5k/vq_prior/0"]
    assert child["train_seconds_total"] == child["train.seconds"] + parent["train.seconds"]
    assert rows["mnist-5k/ddim/0"]["train_seconds_total"] == rows["mnist-5k/ddpm/0"]["train.seconds"]
    assert results.is_missing(rows["fashion-mnist/vq_prior/0"]["train_seconds_total"])


def test_the_wide_table_survives_parquet(project, tmp_path):
    wide = results.as_table(project.found.runs)
    wide.to_parquet(tmp_path / "runs.parquet", index=False)
    again = pd.read_parquet(tmp_path / "runs.parquet")
    assert list(again.columns) == list(project.found.runs.columns)
    assert again["metrics.spaces.lite0-64.fd"].dtype == "float64"
    first = again.set_index("name").loc["mnist-5k/dcgan/0"]
    assert (first["train.config.width"], json.loads(first["metrics.modes.shares"])) == (32, [0.1] * 10)


def test_values_of_several_types_become_json(project):
    mixed = pd.DataFrame({"x": [1, "a", None]}, dtype=object)
    assert list(results.as_table(mixed)["x"][:2]) == ["1", '"a"']


def test_every_column_is_described(project):
    text = results.describe(project.found.runs)
    for column in project.found.runs.columns:
        assert f"| `{column}` | " in text
    assert "Frechet distance" in text


def test_a_broken_file_is_named(tmp_path):
    params = sample_project.make(tmp_path, seeds=(0,), datasets=("mnist-5k",))
    file = tmp_path / paths.Run("quick", "mnist-5k", "vae", 0).metrics
    file.write_text('{"outcome": "fini')
    with pytest.raises(ValueError, match=r"vae/0/metrics.json: not JSON .* delete it and run its stage again"):
        results.read(tmp_path, params, "quick")
    file.write_text("[]")
    with pytest.raises(ValueError, match=r"vae/0/metrics.json: holds list, not an object"):
        results.read(tmp_path, params, "quick")


def test_an_empty_project_reads_as_runs_that_have_not_run(project, tmp_path):
    found = results.read(tmp_path, project.params, "quick")
    assert set(found.runs["outcome"]) == {"not run"}
    assert found.datasets[0].floor is None
