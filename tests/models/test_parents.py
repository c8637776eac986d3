"""Optional parents, and frozen feature networks as parents: built, trained, saved, loaded without other files."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from paragone.data import base as datasets
from paragone.data.base import ImageSet
from paragone.engine import checkpoint
from paragone.engine.loop import fit
from paragone.evaluation.extractors import classifier, lite0
from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.project import checks, files, paths, pipeline, registry
from paragone.project.params import Params, ParamsError
from paragone.results import runs
from paragone.stages import ingest, train
from support import settings_files

SPEC = Spec((3, 16, 16), 6)


class Perceptual(Model):
    """One image that comes near to the data in a network's features, started from a teacher's where there is one."""

    title, paper, plan = "Perceptual", "none", Plan(kimg=0.064, batch=8)
    optional_parents = frozenset({"teacher"})
    feature_parents = frozenset({"features"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        lr: float = 0.1

    def __init__(self, cfg: Config, spec: Spec, **parents: nn.Module) -> None:
        super().__init__(**parents)
        self.cfg = cfg
        self.image = nn.Parameter(torch.full(spec.shape, 0.1))  # at 0 the ReLUs of a fresh network pass no gradient
        if "teacher" in parents:
            self.image.data.copy_(parents["teacher"].image)

    def optimizers(self) -> dict[str, Optimizer]:
        return {"image": SGD([self.image], self.cfg.lr)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x, n = batch["image"], len(batch["image"])
        pairs = zip(self.frozen["features"](x), self.frozen["features"](self.sample(n)), strict=True)
        yield Update("image", sum((a - b).square().mean() for a, b in pairs), drawn=n)

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        return torch.tanh(self.image.expand(n, -1, -1, -1))


@pytest.fixture
def perceptual(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model above under a name of the registry's."""
    module = ModuleType("paragone.models.gan.perceptual")
    module.Perceptual = Perceptual  # type: ignore[attr-defined]
    monkeypatch.setattr(Perceptual, "__module__", module.__name__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    file = registry._PACKAGE / "models/gan/perceptual.py"
    found, here = registry._files, {"perceptual": registry.Plugin(module.__name__, file, "")}
    monkeypatch.setattr(registry, "_files", lambda kind: found(kind) | (here if kind == "models" else {}))
    monkeypatch.setattr("paragone.stages.train._modules", lambda recipe: [])  # it stands in no file of the package


def params(**rows: object) -> Params:
    profile = {
        "about": "Features.", "datasets": ["drawn"], "seeds": [0], "samples": 16, "sample_batch": 16,
        "spaces": ["lite0"], "models": rows,
    }  # fmt: skip
    drawn = {"loader": "shapes", "source": "generated", "resolution": 16, "options": {"n_train": 48, "n_test": 18}}
    return Params.model_validate({"profile": "p", "datasets": {"drawn": drawn}, "profiles": {"p": profile}})


CLASSIFIED = {"perceptual": {"parents": {"features": "classifier"}}}


def prepare(root: Path, chosen: Params) -> None:
    """The data, and a classifier of fresh weights: how good it is does not matter here."""
    ingest.run(root, chosen, "drawn")
    torch.manual_seed(0)
    net = classifier.Net(SPEC)
    test = datasets.load(root / paths.prepared("drawn"), "test")
    facts = classifier.held_out(classifier.Classifier(net, "", ""), test, torch.device("cpu"))
    data = files.read_json(root / paths.prepared("drawn") / "dataset.json")["content_hash"]
    about = {"shape": list(SPEC.shape), "classes": SPEC.classes, "data": data, "judges": {"s0-w16": facts}}
    classifier.save(root / paths.classifier("drawn"), {"s0-w16": net}, about)


def images(n: int = 4) -> Tensor:
    return torch.rand(n, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_a_file_of_a_child_holds_its_feature_network(perceptual: None, tmp_path: Path) -> None:
    chosen = params(**CLASSIFIED)
    prepare(tmp_path, chosen)
    run = paths.Run("p", "drawn", "perceptual", 0)
    train.run(tmp_path, chosen, "p", "drawn", "perceptual", 0)
    about = files.read_json(tmp_path / run.training)
    folder = tmp_path / paths.classifier("drawn")
    assert about["parents"] == {"features": files.sha256(folder / "s0-w16.safetensors")}
    assert (about["updates"], about["generator_updates"], about["images_drawn"]) == ({"image": 8}, 8, 64)
    assert about["parameters"] == 3 * 16 * 16
    extractor = classifier.load(tmp_path, "drawn").first
    for file in (*folder.iterdir(), tmp_path / "data/prepared/drawn/dataset.json"):
        file.unlink()
    model, _ = checkpoint.load_model(tmp_path / run.weights)
    found = model.frozen["features"](images())
    assert [tuple(m.shape) for m in found] == [(4, 16, 16, 16), (4, 32, 8, 8)]
    expected = extractor.maps((images() + 1) * 127.5)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_it_learns_through_the_network_and_leaves_it(perceptual: None, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = classifier.build({"shape": [3, 16, 16], "classes": 6, "channels": 0})
    before = {k: v.clone() for k, v in network.state_dict().items()}
    one = ((images(1) + 1) * 127.5).to(torch.uint8).permute(0, 2, 3, 1)
    data = ImageSet(one.repeat(32, 1, 1, 1), None, SPEC)  # one image over and over: the least loss is 0
    model = registry.build_model("perceptual", SPEC, {"lr": 800.0}, {"features": network})
    done = fit(model, data, Perceptual.plan, seed=0, folder=tmp_path, progress=False)
    losses = [row["loss/image"] for row in done.curve]
    assert losses[-1] < 0.9 * losses[0], losses
    assert all(torch.equal(before[k], v) for k, v in done.model.frozen["features"].state_dict().items())
    child = registry.build_model("perceptual", SPEC, {}, {"features": network, "teacher": done.model})
    assert torch.equal(child.image, done.model.image)


def test_parents_that_are_missing_or_unknown_are_named(perceptual: None) -> None:
    with pytest.raises(
        ValueError, match=r"'perceptual' needs the parents: features \(and takes: teacher\); given: none"
    ):
        registry.build_model("perceptual", SPEC)
    with pytest.raises(ValueError, match="given: features, pupil"):
        registry.build_model("perceptual", SPEC, {}, {"features": nn.Identity(), "pupil": nn.Identity()})


@pytest.mark.parametrize(
    ("parents", "sentence"),
    [
        ({}, r"parents: perceptual needs the parents: features \(and takes: teacher\); given: none"),
        ({"features": "inception"}, "features: 'inception' is no feature network"),
        ({"features": "classifier", "teacher": "dcgan"}, "teacher: 'dcgan' is not a row of profile 'p'"),
    ],
)
def test_settings_name_what_is_wrong(perceptual: None, parents: dict[str, str], sentence: str) -> None:
    with pytest.raises(ParamsError, match=sentence):
        checks.row(params(perceptual={"parents": parents}), "p", "perceptual")


def test_the_pipeline_waits_for_the_network_and_for_no_row_of_its_name(perceptual: None, tmp_path: Path) -> None:
    rows = {**CLASSIFIED, "child": {"model": "perceptual", "parents": {"features": "lite0", "teacher": "perceptual"}}}
    chosen = params(**rows)
    checks.row(chosen, "p", "child")
    settings_files.write(tmp_path, json.loads(chosen.model_dump_json(exclude_defaults=True)))
    made = pipeline.generate(tmp_path, chosen)
    assert "classifier-drawn" in made[Path("dvc.yaml")]  # although it is no space of the profile
    parent, child = (made[paths.Run("p", "drawn", row, 0).branch / "dvc.yaml"] for row in rows)
    assert str(paths.classifier("drawn")) in parent
    assert str(paths.classifier("drawn")) not in child
    assert str(paths.Run("p", "drawn", "perceptual", 0).branch / "${item}/model.safetensors") in child
    row = runs.read(tmp_path, chosen, "p").rows()[1]
    assert row["parents"] == "features=lite0, teacher=perceptual"


def test_lite0_gives_its_maps_and_is_built_again_without_its_package() -> None:
    extractor = lite0.load(Path(), "")
    network = extractor.feature_network()
    again = lite0.build(extractor.recipe)
    again.load_state_dict(network.state_dict())
    x = images(2).requires_grad_()
    found = again(x)
    assert [tuple(m.shape[1:]) for m in found] == [
        (16, 32, 32), (24, 16, 16), (40, 8, 8), (112, 4, 4), (320, 2, 2),
    ]  # fmt: skip
    assert all(torch.equal(a, b) for a, b in zip(found, network(x), strict=True))
    pooled = again.extractor.trunk[-1](found[-1].clone()).mean((2, 3))
    assert torch.allclose(pooled, extractor((x + 1) * 127.5)[0])
    sum(m.mean() for m in found).backward()
    assert x.grad.abs().sum() > 0


def test_channels_have_their_maps_side_by_side() -> None:
    torch.manual_seed(0)
    network = classifier.build({"shape": [1, 16, 16], "classes": 10, "channels": 3})
    found = network(images(2))
    assert [tuple(m.shape) for m in found] == [(2, 48, 16, 16), (2, 96, 8, 8)]
    alone = network.extractor.net.maps((images(2)[:, 1:2] + 1) * 127.5)[0]
    assert torch.allclose(found[0][:, 16:32], alone, atol=1e-5)
