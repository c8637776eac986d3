"""C16, C25, C29, C30, and what NVAE and VQGAN add to C11, C18 and C19: verdicts either way, and what is no evidence."""

from typing import Any

import pytest
import torch

from paragone.engine.macs import Counter
from paragone.models.base import Progress, Spec
from paragone.project import registry
from paragone.project import settings as files
from paragone.project.params import Params
from paragone.results import runs as results
from paragone.results.claims.base import Evidence, Finding, Verdict, find
from support import ROOT, sample_project

SEEDS = range(5)
SUPPORTED, CONTRADICTED, NO_EFFECT = Verdict.SUPPORTED, Verdict.CONTRADICTED, Verdict.NO_EFFECT


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    root = tmp_path_factory.mktemp("project")
    params = sample_project.make(root, seeds=tuple(SEEDS), datasets=("mnist-5k",))
    return Evidence(results.read(root, params, "quick"), {})


def renamed(evidence: Evidence, names: dict[str, str], **figures: dict[str, float]) -> Evidence:
    """Rows under other names, with these figures (by column, with __ for a dot) a little different for each seed."""
    runs = evidence.results.runs.copy()
    runs["model"] = runs["model"].replace(names)
    for column, by_row in figures.items():
        for row, value in by_row.items():
            of_row, step = runs["model"] == row, 1e-5 * len(row) * len(column)
            runs.loc[of_row, column.replace("__", ".")] = [value * (1 + step * s) for s in runs.loc[of_row, "seed"]]
    return evidence._replace(results=evidence.results._replace(runs=runs))


def assess(evidence: Evidence, claim: str, **studies: dict[str, Any]) -> Finding:
    module = registry.load("claims", claim)
    return find(module.CLAIM, module.effects, evidence._replace(studies={**evidence.studies, **studies}))


def on(**found: Any) -> dict[str, Any]:
    return {"datasets": {"mnist-5k": found}}


def test_c16(evidence: Evidence) -> None:
    rows = renamed(
        evidence, {"gan": "stylegan2", "vae": "stylespace"}, train__seconds={"stylegan2": 700.0, "dcgan": 70.0}
    )
    edits = [{"seed": s, "psnr": 35 + 0.1 * s, "success": 0.2 + 0.01 * s} for s in SEEDS]
    finding = assess(rows, "c16_stylegan_edits", channels=on(rows={"stylespace": edits}))
    assert finding.parts == {"fine": SUPPORTED, "works": CONTRADICTED, "cost": SUPPORTED}
    edits[0]["psnr"] = None  # type: ignore[assignment]
    finding = assess(rows, "c16_stylegan_edits", channels=on(rows={"stylespace": edits}))
    assert finding.reason == "study 'channels' has 4 seeds with a psnr of 'stylespace'; it takes 5"


@pytest.mark.parametrize(("iou", "verdict"), [(0.8, SUPPORTED), (0.2, NO_EFFECT), (0.05, CONTRADICTED)])
def test_c25(evidence: Evidence, iou: float, verdict: Verdict) -> None:
    rows = renamed(evidence, {"vae": "controlnet"})
    scores = {"controlnet": iou, "ddpm": 0.2}
    found = {
        row: [{"seed": s, "iou": v + 0.001 * (s % 2 if row == "ddpm" else 1 - s % 2)} for s in SEEDS]
        for row, v in scores.items()
    }
    finding = assess(rows, "c25_controlnet", layout=on(chance=0.21, rows=found))
    assert finding.verdict is verdict
    assert finding.effects[0].note == "another scene reaches 0.21"
    told = {row: [{"seed": r["seed"], "read": {"all": r["iou"]}} for r in found[row]] for row in found}
    read = on(read={"chance": {"all": 0.01}}, rows=told)
    assert assess(rows, "c25_controlnet", layout=read).verdict is verdict
    assert assess(rows, "c25_controlnet", layout=read).effects[0].note == "another scene reaches 0.01"
    few = assess(rows, "c25_controlnet", layout=on(chance=0.21, rows={"ddpm": found["ddpm"]}))
    assert few.reason == "mnist-5k: study 'layout' has 0 seeds of 'controlnet' and 'ddpm'; it takes 5"


def test_c29(evidence: Evidence) -> None:
    coverage = {"dcgan_64": 0.3, "progan_64": 0.6}
    spaces = {f"metrics__spaces__{space}__coverage": coverage for space in ("clf-mnist-5k", "lite0-64")}
    peaks = {"stability__grad_p95__generator": {"dcgan_64": 2.0, "progan_64": 4.0},
             "stability__grad_median__generator": {"dcgan_64": 1.0, "progan_64": 1.0}}  # fmt: skip
    finding = assess(renamed(evidence, {"gan": "dcgan_64", "dcgan": "progan_64"}, **spaces, **peaks), "c29_progan")
    assert finding.parts["varied"] is SUPPORTED
    (peaked,) = (e for e in finding.effects if "peakedness" in e.what)
    assert (peaked.part, peaked.verdict) == ("stable", CONTRADICTED)
    assert "profile quick has no row 'dcgan_64'" in assess(evidence, "c29_progan").reason


def test_c30(evidence: Evidence) -> None:
    rows = longer(renamed(evidence, {"gan": "progan", "dcgan": "stylegan", "vae": "progan_longer"}), 1.142)

    def told(z: float, w: float | None, dci: float = 0.2) -> list[dict[str, Any]]:
        mapped = None if w is None else {"score": w, "dci": dci}
        return [{"seed": s, "z": {"score": z + 0.001 * s, "dci": 0.1 + 0.001 * s}, "w": mapped} for s in SEEDS]

    def long(z: float, w: float | None) -> list[dict[str, Any]]:
        def about(value: float | None, seed: int) -> dict[str, float] | None:
            return None if value is None else dict.fromkeys(("full", "end"), value + 0.1 * seed)

        return [{"seed": s, "z": about(z, s), "w": about(w, s)} for s in SEEDS]

    of = {"progan": told(0.3, None), "stylegan": told(0.3, 0.6)}
    paths = {"progan": long(400.0, None), "stylegan": long(390.0, 200.0)}
    finding = assess(rows, "c30_stylegan", separability=on(rows=of), path_length=on(rows=paths))
    assert finding.parts == dict.fromkeys(("quality", "compute", "paths", "separates", "disentangles"), SUPPORTED)
    compute = [e.size.value for e in finding.effects if e.part == "compute"]
    assert compute == pytest.approx([12 / 9, 1.22], rel=0.01)  # of the longer training's distances, in two spaces
    assert [e.size.value for e in finding.effects if e.part == "paths"] == pytest.approx([2.0, 1.95] * 2, rel=0.01)
    of["stylegan"], paths["stylegan"] = told(0.58, 0.6, 0.11), long(100.0, 500.0)
    finding = assess(rows, "c30_stylegan", separability=on(rows=of), path_length=on(rows=paths))
    assert [e.verdict for e in finding.effects if e.part == "separates"] == [SUPPORTED, Verdict.SMALLER]
    assert [e.verdict for e in finding.effects if e.part == "disentangles"] == [Verdict.SMALLER] * 2
    assert [e.verdict for e in finding.effects if e.part == "paths"] == [CONTRADICTED] * 4
    paths["progan"] = paths["progan"][:3]
    few = assess(rows, "c30_stylegan", separability=on(rows=of), path_length=on(rows=paths))
    assert few.reason == "study 'path_length' has 3 seeds of both on mnist-5k; it takes 5"
    unequal = assess(longer(rows, 1.2), "c30_stylegan", separability=on(rows=of), path_length=on(rows=paths))
    assert unequal.reason == (
        "mnist-5k: 'progan_longer' saw 1.200 times as many images as 'stylegan'; equal compute is 1.142 times as many"
    )


def longer(rows: Evidence, times: float) -> Evidence:
    """ProGAN's longer training saw so many times the images of the other rows."""
    runs = rows.results.runs.copy()
    runs.loc[runs["model"] == "progan_longer", "train.images"] = int(100_000 * times)
    return rows._replace(results=rows.results._replace(runs=runs))


def test_c30s_rows_take_the_compute_that_its_rule_says() -> None:
    """Multiply-accumulates of one step in the middle of each stage, times the steps of the stage."""
    settings = files.load(ROOT, "claims-large")
    taken = {row: _compute(settings, row) for row in ("stylegan", "progan_longer")}
    assert taken["progan_longer"] == pytest.approx(taken["stylegan"], rel=0.005)


def _compute(settings: Params, row: str) -> float:
    cfg, plan = settings.config("claims-large", "few-shapes", row), settings.plan("claims-large", "few-shapes", row)
    net: Any = registry.build_model(settings.model("claims-large", row), Spec((3, 32, 32), 0), cfg, {})
    optimizers, images = net.optimizers(), torch.zeros(4, 3, 32, 32)
    stages = 6 if row == "progan_longer" else 4  # from 4 x 4, from 8 x 8
    shares = [(i + 0.5) / stages * net.cfg.growing for i in range(stages)] + [1.0]
    lengths = [net.cfg.growing / stages] * stages + [1 - net.cfg.growing]
    total = 0.0
    for share, length in zip(shares, lengths, strict=True):
        with Counter() as counter:
            for update in net.losses({"image": images}, Progress(0, share * plan.kimg, plan.kimg)):
                owned = [p for group in optimizers[update.optimizer].param_groups for p in group["params"]]
                update.loss.backward(inputs=owned)
        total += counter.flops / 2 / len(images) * length * plan.kimg
    return total


VQ = {"gan": "autoencoder", "dcgan": "vq_vae_512_restarts", "vae": "autoencoder_2", "vq_vae": "vq_vae_2_512",
      "vq_prior": "vqgan_plain", "ddpm": "vqgan_512"}  # fmt: skip


def test_vqgan_joins_c18_where_the_profile_has_it(evidence: Evidence) -> None:
    psnr = {row: 22.0 if row.startswith("autoencoder") else 20.0 for row in VQ.values()}
    psnr |= {"vqgan_plain": 21.0, "vqgan_512": 20.9}
    rows = renamed(evidence, VQ, metrics__reconstruction__psnr=psnr)
    verdicts = [effect.verdict for effect in assess(rows, "c18_quantisation_costs").effects]
    assert verdicts == [SUPPORTED, SUPPORTED, Verdict.SMALLER]
    alone = renamed(evidence, {k: v for k, v in VQ.items() if "vqgan" not in v}, metrics__reconstruction__psnr=psnr)
    assert len(assess(alone, "c18_quantisation_costs").effects) == 2


def test_vqgan_joins_c19_where_the_profile_has_it(evidence: Evidence) -> None:
    names = {"gan": "vq_vae_32", "dcgan": "vq_vae_512", "vae": "vq_vae_2_32", "vq_vae": "vq_vae_2_512",
             "vq_prior": "vqgan_32", "ddpm": "vqgan_512"}  # fmt: skip
    used = {row: 0.9 if row.endswith("32") else 0.5 for row in names.values()}
    rows = renamed(evidence, names, metrics__codebook__used=used)
    assert [effect.verdict for effect in assess(rows, "c19_codebook_size").effects] == [SUPPORTED] * 3


def test_nvae_joins_c11_where_the_profile_has_it(evidence: Evidence) -> None:
    bits = {"nvae_2": 1.5, "nvae_4": 1.4, "nvae_8": 1.45}
    rows = renamed(evidence, {"gan": "nvae_2", "dcgan": "nvae_4", "vae": "nvae_8"}, metrics__bits_per_dimension=bits)
    finding = assess(rows, "c11_deep_vae", gradients={"datasets": {}})
    assert [effect.verdict for effect in finding.effects] == [SUPPORTED, CONTRADICTED]
    assert finding.parts == {"hierarchy": Verdict.MIXED}
    assert assess(evidence, "c11_deep_vae", gradients={"datasets": {}}).reason == "nothing that ran tests this claim"


@pytest.mark.parametrize(("deep", "verdict"), [(0.05, SUPPORTED), (1.02, NO_EFFECT), (40.0, CONTRADICTED)])
def test_the_gradient_through_nvaes_groups_joins_c11_where_it_was_measured(
    evidence: Evidence, deep: float, verdict: Verdict
) -> None:
    bits = {"nvae_2": 1.5, "nvae_4": 1.4, "nvae_8": 1.3}
    rows = renamed(evidence, {"gan": "nvae_2", "dcgan": "nvae_4", "vae": "nvae_8"}, metrics__bits_per_dimension=bits)
    found = {
        row: [{"seed": s, "before": [reach * (1 + 0.01 * ((s + between) % 5)), *[9.0] * between, 1.0]} for s in SEEDS]
        for row, reach, between in (("nvae_2", 1.0, 0), ("nvae_8", deep, 6))
    }
    gradients = {"datasets": {}}
    finding = assess(rows, "c11_deep_vae", gradients=gradients, hierarchy=on(rows=found))
    (effect,) = (e for e in finding.effects if e.part == "hierarchy's gradient")
    assert effect.verdict is verdict
    assert effect.size.value == pytest.approx(1 / deep, rel=0.01)
    few = assess(rows, "c11_deep_vae", gradients=gradients, hierarchy=on(rows={"nvae_2": found["nvae_2"]}))
    assert few.reason == "mnist-5k: study 'hierarchy' has 0 seeds of both nvae_2 and nvae_8; it takes 5"
