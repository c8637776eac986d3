"""Reading runs: outcomes, nothing lost, broken files named."""

import json

from paragone.project import paths
from paragone.results import runs
from support import sample_project


def outcomes(found: runs.Results) -> dict[str, tuple[str, str]]:
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
    seen = outcomes(runs.read(tmp_path, params, "quick"))
    assert seen["mnist-5k/vae/0"] == ("unfinished", "sampled, not evaluated yet")
    assert seen["mnist-5k/gan/0"] == ("unfinished", "trained, not sampled yet")


def test_a_failure_outweighs_what_an_earlier_attempt_left(tmp_path):
    params = sample_project.make(tmp_path, seeds=(0,), datasets=("mnist-5k",))
    sample_project.put(tmp_path / paths.Run("quick", "mnist-5k", "vae", 0).failure, {"stage": "sample", "reason": "no"})
    assert outcomes(runs.read(tmp_path, params, "quick"))["mnist-5k/vae/0"] == ("failed", "sample: no")


def test_nothing_of_the_files_is_lost(project):
    row = next(r for r in project.found.rows() if r["name"] == "mnist-5k/vae/1")
    run = project.found.where(row)
    for prefix, file in (("train", run.training), ("sampling", run.sampling), ("metrics", run.metrics)):
        content = json.loads((project.root / file).read_text())
        for key, value in runs.flatten(prefix, content):
            assert row[key] == value or (value is None and runs.is_missing(row[key])), key


def test_training_time_of_a_child_includes_its_parents(project):
    rows = {row["name"]: row for row in project.found.rows()}
    parent, child = rows["mnist-5k/vq_vae/0"], rows["mnist-5k/vq_prior/0"]
    assert child["train_seconds_total"] == child["train.seconds"] + parent["train.seconds"]
    assert rows["mnist-5k/ddim/0"]["train_seconds_total"] == rows["mnist-5k/ddpm/0"]["train.seconds"]
    assert runs.is_missing(rows["fashion-mnist/vq_prior/0"]["train_seconds_total"])


def test_figures_of_another_protocol_are_set_aside_and_named(tmp_path):
    params = sample_project.make(tmp_path, seeds=(0,), datasets=("mnist-5k",))
    old, older = (paths.Run("quick", "mnist-5k", row, 0).metrics for row in ("vae", "gan"))
    floor = paths.reference("quick", "mnist-5k") / "reference.json"
    for file, number in ((old, 1), (older, None), (floor, 3)):
        content = json.loads((tmp_path / file).read_text())
        content.pop("protocol")
        sample_project.put(tmp_path / file, content | ({} if number is None else {"protocol": number}))
    found = runs.read(tmp_path, params, "quick")
    seen, rows = outcomes(found), {row["name"]: row for row in found.rows()}
    for name in ("vae", "gan"):
        outcome, reason = seen[f"mnist-5k/{name}/0"]
        assert outcome == "other protocol"
        assert reason == (
            f"runs/quick/mnist-5k/{name}/0/metrics.json: is of protocol 1, and figures are compared under protocol 2 "
            f"here; run it again: paragone evaluate quick mnist-5k {name} --seed 0"
        )
        assert runs.is_missing(rows[f"mnist-5k/{name}/0"]["metrics.spaces.clf-mnist-5k.fd"])
    assert seen["mnist-5k/dcgan/0"] == ("finished", "")
    assert rows["mnist-5k/dcgan/0"]["metrics.protocol"] == 2
    (dataset,) = found.datasets
    assert (dataset.floor, dataset.reference) == (None, None)
    assert "data/reference/mnist-5k/quick: is of protocol 3" in dataset.set_aside
    assert "build it again: paragone reference quick mnist-5k" in dataset.set_aside
