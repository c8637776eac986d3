"""Verdicts: the rule, how several combine, and that nothing missing or mixed ever gets one."""

import re
from pathlib import Path

import pandas as pd
import pytest

from paragone.evaluation.intervals import Interval
from paragone.project import paths, registry
from paragone.report.claims import verdicts
from paragone.results import runs as results
from paragone.results.claims import base
from paragone.results.claims.base import Claim, Evidence, NotMeasuredError, Verdict, at_least, below
from support import sample_project

SUPPORTED = Verdict.SUPPORTED


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    root = tmp_path_factory.mktemp("project")
    params = sample_project.make(root, seeds=(0, 1, 2, 3, 4))
    return Evidence(results.read(root, params, "quick"), {})


def changed(evidence: Evidence, where: pd.Series, column: str, value: object) -> Evidence:
    runs = evidence.results.runs.copy()
    runs.loc[where, column] = value
    return evidence._replace(results=evidence.results._replace(runs=runs))


@pytest.mark.parametrize(
    ("size", "unit", "printed"),
    [
        (Interval(9102.4, 7966, 10401, 3), "times", "9,102 times [7,966, 10,401]"),
        (Interval(1.7267e14, 6e13, 5e14, 3), "times", "1.73e+14 times [6e+13, 5e+14]"),
        (Interval(0.1234, 0.02, 0.3, 3), "%", "12.3 % [2, 30]"),
        (Interval(-5.56, -9.6, -1.53, 3), "", "-5.56 [-9.6, -1.53]"),
        (Interval(0.1 + 0.2 - 0.3, -2.1e-8, -1.1e-17, 3), "nats", "0 nats [-2.1e-08, 0]"),
    ],
)
def test_sizes_are_printed_with_three_digits(size: Interval, unit: base.Unit, printed: str) -> None:
    assert base.number(base.Effect("", unit, size, below(0))) == printed


def test_an_effect_is_what_pandas_makes_of_the_same_files(evidence: Evidence) -> None:
    label, column = evidence.measured("mnist-5k", "fd")[0]
    found = base.times(evidence, "mnist-5k", column, label, "gan", "dcgan", at_least(1.1))
    runs = evidence.results.runs.query("dataset == 'mnist-5k'").set_index(["model", "seed"])[column].astype(float)
    by_hand = (runs["gan"] / runs["dcgan"]).prod() ** (1 / 5)
    assert found.size.value == pytest.approx(by_hand)
    assert found.size.n == 5
    assert found.verdict is SUPPORTED
    assert label == "FD-clf"


@pytest.mark.parametrize("dataset", ["mnist-5k", "fashion-mnist"])
def test_the_data_sets_classifier_is_the_first_space(evidence: Evidence, dataset: str) -> None:
    assert [label for label, _ in evidence.measured(dataset, "fd")] == ["FD-clf", "FD-Lite0"]
    coverages = [("Coverage (clf)", f"metrics.spaces.clf-{dataset}.coverage"),
                 ("Coverage (Lite0)", "metrics.spaces.lite0-64.coverage")]  # fmt: skip
    assert evidence.measured(dataset, "coverage") == coverages
    with pytest.raises(NotMeasuredError, match=f"{dataset}: no run has a speed in any feature space"):
        evidence.measured(dataset, "speed")


def test_a_missing_row_is_named(evidence: Evidence) -> None:
    with pytest.raises(NotMeasuredError, match="profile quick has no row 'hgan'"):
        evidence.datasets("hgan", "gan")


def test_a_failed_row_is_named_with_its_reason(evidence: Evidence) -> None:
    with pytest.raises(NotMeasuredError, match=r"'vq_vae' finished 0 seeds of at least 5 \(seed 0 failed: train"):
        evidence.figures("fashion-mnist", ("gan", "vq_vae"), "metrics.nearest_train.ratio")


def test_too_few_seeds_are_no_evidence(evidence: Evidence) -> None:
    with pytest.raises(NotMeasuredError, match=r"'wgan_gp' finished 4 seeds of at least 5 \(seed 1 diverged"):
        evidence.figures("mnist-5k", ("wgan_gp",), "metrics.nearest_train.ratio")


@pytest.mark.parametrize(
    ("column", "value"), [("metrics.n", 500), ("train.data", "other"), ("metrics.spaces.clf-mnist-5k.hash", "other")]
)
def test_mixed_protocols_are_no_evidence(evidence: Evidence, column: str, value: object) -> None:
    mixed = changed(evidence, evidence.results.runs["name"] == "mnist-5k/gan/1", column, value)
    with pytest.raises(NotMeasuredError, match=f"gan, dcgan differ in {column}"):
        mixed.figures("mnist-5k", ("gan", "dcgan"), "metrics.spaces.clf-mnist-5k.fd")


@pytest.mark.parametrize("column", ["metrics.n", "metrics.n_real", "metrics.reference_split", "train.data"])
def test_a_run_that_does_not_say_its_protocol_is_no_evidence(evidence: Evidence, column: str) -> None:
    silent = changed(evidence, evidence.results.runs["name"] == "mnist-5k/gan/1", column, None)
    with pytest.raises(NotMeasuredError, match=f"some run of gan, dcgan does not say its {column}"):
        silent.figures("mnist-5k", ("gan", "dcgan"), "metrics.spaces.clf-mnist-5k.fd")


@pytest.mark.parametrize(
    ("outcome", "reason", "sentence"),
    [
        ("failed", "train: MemoryError", r"'vae' finished 4 seeds of at least 5 \(seed 1 failed: train: MemoryError\)"),
        ("not run", "its training has not run yet", r"seed 1 not run: its training has not run yet"),
        ("unfinished", "trained, not sampled yet", r"seed 1 unfinished: trained, not sampled yet"),
        ("diverged", "loss/d became nan", r"seed 1 diverged: loss/d became nan"),
    ],
)
def test_runs_that_are_missing_make_no_verdict_and_the_reason_is_theirs(
    evidence: Evidence, outcome: str, reason: str, sentence: str
) -> None:
    one = evidence.results.runs["name"] == "mnist-5k/vae/1"
    without = changed(changed(evidence, one, "outcome", outcome), one, "reason", reason)
    module = registry.load("claims", "c02_vae_covers")
    finding = base.find(module.CLAIM, module.effects, without)
    assert finding.verdict is Verdict.UNMEASURED
    assert re.search(sentence, finding.reason)
    assert not finding.effects


def test_seeds_that_diverged_beside_five_that_finished_are_told(tmp_path: Path) -> None:
    params = sample_project.make(tmp_path, seeds=(0, 1, 2, 3, 4, 5), datasets=("mnist-5k",))
    found = Evidence(results.read(tmp_path, params, "quick"), {})
    effect = base.times(
        found, "mnist-5k", "metrics.spaces.clf-mnist-5k.fd", "FD-clf", "wgan_gp", "dcgan", at_least(1.1)
    )
    assert effect.size.n == 5  # seed 1 diverged
    assert effect.note == "WGAN-GP: 1 of 6 diverged"
    assert base.sentence([effect]).endswith("(supported, 5 seeds; WGAN-GP: 1 of 6 diverged)")
    whole = base.times(found, "mnist-5k", "metrics.spaces.clf-mnist-5k.fd", "FD-clf", "gan", "dcgan", at_least(1.1))
    assert whole.note == ""


def test_the_stability_of_a_run_that_diverged_counts(evidence: Evidence) -> None:
    """Its curve is measured until then, and says more than those of runs that went well."""
    column = "stability.grad_p95.adversary"
    (figures,) = evidence.figures("mnist-5k", ("wgan_gp",), column)
    assert len(figures) == 5


def test_unequal_budgets_are_named(evidence: Evidence) -> None:
    evidence.require_equal("mnist-5k", ("gan", "dcgan"), "train.images", "training images")
    other = changed(evidence, evidence.results.runs["model"] == "gan", "train.images", 80_000)
    with pytest.raises(NotMeasuredError, match="training images differ: gan 80,000, dcgan 100,000"):
        other.require_equal("mnist-5k", ("gan", "dcgan"), "train.images", "training images")
    other.require_close("mnist-5k", ("gan", "dcgan"), "train.images", "training images", 1.25)
    with pytest.raises(NotMeasuredError, match=r"training images differ by more than a factor of 1\.2: gan 80,000"):
        other.require_close("mnist-5k", ("gan", "dcgan"), "train.images", "training images", 1.2)


def test_times_on_different_hardware_are_no_evidence(evidence: Evidence) -> None:
    mixed = changed(evidence, evidence.results.runs["model"] == "gan", "sampling.device", "another machine")
    with pytest.raises(NotMeasuredError, match=r"differ in sampling\.device"):
        mixed.figures("mnist-5k", ("gan", "dcgan"), "sampling.latency_ms")


@pytest.mark.parametrize("name", registry.names("claims"))
def test_every_claim_is_whole_and_never_raises(name: str, evidence: Evidence) -> None:
    module = registry.load("claims", name)
    claim: Claim = module.CLAIM
    assert verdicts.number_of(name)[0] == "C"
    assert set(claim.surveys) <= set(base.SURVEYS)
    assert claim.sentence.endswith(".")
    assert claim.measured.endswith(".")
    assert claim.rule.endswith(".")
    finding = base.find(claim, module.effects, evidence)
    assert finding.reason
    assert bool(finding.effects) == (finding.verdict is not Verdict.UNMEASURED)


def test_what_is_missing_on_one_data_set_is_said_and_the_other_one_still_counts_not(evidence: Evidence) -> None:
    """On the sample project's second data set DDPM never ran: no verdict, and the reason names it."""
    rows, column = ("dcgan", "ddpm"), "metrics.nearest_train.ratio"
    claim = Claim(surveys=("hu",), sentence="DDPM copies.", measured="Distances.", rule="Smaller.", rows=rows)

    def effects(evidence: Evidence) -> list[base.Effect]:
        return [base.times(evidence, d, column, "Distance", *rows, at_least(1.1)) for d in evidence.datasets(*rows)]

    finding = base.find(claim, effects, evidence)
    assert finding.verdict is Verdict.UNMEASURED
    assert "fashion-mnist: 'ddpm' finished 0 seeds" in finding.reason


def test_the_claims_of_the_sample_project_end_to_end(tmp_path: Path) -> None:
    params = sample_project.make(tmp_path, seeds=(0, 1, 2, 3, 4), datasets=("mnist-5k",))
    assessments = {j.id: j.finding for j in verdicts.assess(results.read(tmp_path, params, "quick"), params)}
    assert assessments["C02"].verdict is Verdict.CONTRADICTED  # 18 against 9, and coverage falls with it
    assert assessments["C20"].reason == "study 'sampling_time' of profile quick has not run"
    assert assessments["C31"].effects[0].repeats == "draws"
    (tmp_path / paths.study("quick", "sample_size")).unlink()
    assessments = {j.id: j.finding for j in verdicts.assess(results.read(tmp_path, params, "quick"), params)}
    assert assessments["C31"].reason == "study 'sample_size' of profile quick has not run"
    assert assessments["C04"].verdict is Verdict.UNMEASURED
