"""The contract, held by every registered model at the size of the profile `systems`."""

import ast
import copy
import dataclasses
import inspect
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from paragone.data.base import ImageSet
from paragone.engine import checkpoint, sampling
from paragone.engine.batches import draw
from paragone.engine.loop import Outcome, fit
from paragone.engine.seeding import Stream, seed_all
from paragone.models.base import CAPABILITIES, Model, Plan, Progress, Spec, Update
from paragone.project import registry
from support.registered import SMOKE, SPEC, build, recipe

MODELS = registry.names("models")


def train(name: str, blobs, folder: Path, *, steps: int = 6, stop_at: int = 10**9, **changes) -> Outcome:
    seed_all(0, Stream.INIT)
    model = build(name)
    plan = dataclasses.replace(type(model).plan, kimg=steps * 8 / 1000, batch=8, **changes)
    return fit(model, blobs, plan, seed=0, folder=folder, progress=False, stop=lambda step: step >= stop_at)


def pictures(model: Model, n: int) -> torch.Tensor:
    """n samples, or n translations."""
    sources = torch.linspace(-1, 1, n * math.prod(SPEC.shape)).view(n, *SPEC.shape)
    return sampling.draw(model, n, None, sources if "source" in model.needs else None)


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return copy.deepcopy(model.state_dict())


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.fixture(scope="module")
def blobs(blobs: ImageSet) -> ImageSet:
    """With the negatives as sources, for models that translate."""
    return blobs._replace(sources=255 - blobs.images)


@pytest.fixture(scope="module", params=MODELS)
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def trained(name, blobs, tmp_path_factory) -> Outcome:
    """After six steps; no test changes it, which `test_a_cut_training_goes_on_to_the_same_bits` would notice."""
    return train(name, blobs, tmp_path_factory.mktemp(name))


def test_the_file_says_what_it_implements(name):
    module = inspect.getmodule(registry.model_class(name))
    text = module.__doc__ or ""
    assert "arxiv" in text.lower() or "http" in text, "name the paper and its address"
    cls = registry.model_class(name)
    assert cls.title
    assert cls.paper
    assert isinstance(cls.plan, Plan)
    assert cls.__bases__ == (Model,), "a concrete model is never subclassed"


def test_the_config_is_frozen_keyword_only_and_complete(name):
    config = registry.model_class(name).Config
    assert config.__dataclass_params__.frozen
    assert all(f.kw_only for f in dataclasses.fields(config))
    config()  # every key has the paper's default
    with pytest.raises(ValueError, match="has no config key 'no_such_key'"):
        registry.build_model(name, SPEC, {"no_such_key": 1}, {r: Model() for r in registry.model_class(name).parents})


def test_a_model_file_imports_only_what_it_may(name):
    source = Path(inspect.getsourcefile(registry.model_class(name))).read_text()
    allowed = ("paragone.models", "paragone.models.layers", "paragone.models.layers.functional")
    standard = {"collections", "dataclasses", "math", "typing", "functools", "itertools", "copy", "random"}
    for node in ast.walk(ast.parse(source)):
        modules = [node.module] if isinstance(node, ast.ImportFrom) else []
        modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for module in modules:
            inside = module == "paragone" or module.startswith(allowed)
            assert inside or module.split(".")[0] in standard | {"torch"}, f"{name} imports {module}"


def test_updates_name_optimisers_and_carry_finite_scalars(name, blobs, trained):
    assert trained.outcome == "finished", trained.reason
    seed_all(0, Stream.INIT)
    model = build(name)
    optimizers = model.optimizers()
    updates = model.losses(draw(blobs, torch.arange(8), model.needs, torch.device("cpu")), Progress(0, 0.0, 1.0))
    assert isinstance(updates, Iterator)
    for update in updates:
        assert isinstance(update, Update)
        assert update.optimizer in optimizers
        for value in (update.loss, *update.logs.values()):
            assert value.ndim == 0
            assert torch.isfinite(value)


def test_it_trains_in_bfloat16(name, blobs, tmp_path):
    """As it does wherever the hardware has it, unless the plan says otherwise."""
    result = train(name, blobs, tmp_path, steps=2, precision="bf16")
    assert result.outcome == "finished", result.reason


def test_training_moves_the_weights_and_leaves_the_parents(name, trained):
    seed_all(0, Stream.INIT)
    before = state(build(name))
    after = trained.model.state_dict()
    frozen = {k for k in before if k.startswith("frozen.")}
    assert same({k: before[k] for k in frozen}, {k: after[k] for k in frozen})
    if build(name).optimizers():
        assert not same(
            {k: v for k, v in before.items() if k not in frozen}, {k: after[k] for k in after if k not in frozen}
        )


def test_optimisers_hold_trained_parameters_once(name):
    """Two optimisers may share a network that learns in two phases (AAE's encoder); one may not hold it twice."""
    model = build(name)
    frozen = {id(p) for p in model.frozen.parameters()}
    for optimizer in model.optimizers().values():
        held = [p for g in optimizer.param_groups for p in g["params"]]
        assert len(held) == len({id(p) for p in held})
        assert not frozen & {id(p) for p in held}
        assert all(p.requires_grad for p in held)


def test_parents_never_train(name):
    model = build(name).train()
    assert not any(m.training for m in model.frozen.modules())
    assert not any(p.requires_grad for p in model.frozen.parameters())


def test_samples_have_the_shape_and_range_and_follow_the_seed(trained):
    model = trained.model
    with torch.inference_mode():
        draws = []
        for seed in (0, 0, 1):
            torch.manual_seed(seed)
            draws.append(pictures(model, 3))
    assert draws[0].shape == (3, *SPEC.shape)
    assert draws[0].isfinite().all()
    assert draws[0].abs().max() <= 1 + 1e-5
    assert torch.equal(draws[0], draws[1])
    if "source" not in model.needs:  # a translation may have no noise
        assert not torch.equal(draws[0], draws[2])


def test_a_file_restores_the_model(name, trained, tmp_path):
    model = trained.model
    checkpoint.save_model(tmp_path / "model.safetensors", model, recipe(name))
    again, _ = checkpoint.load_model(tmp_path / "model.safetensors")
    assert same(model.state_dict(), again.state_dict())


def test_a_cut_training_goes_on_to_the_same_bits(name, blobs, trained, tmp_path):
    train(name, blobs, tmp_path, stop_at=3)
    assert same(trained.model.state_dict(), train(name, blobs, tmp_path).model.state_dict())


def test_capabilities_are_declared(name):
    """Every optional method that the class defines, and no other; an instance may declare fewer."""
    cls = registry.model_class(name)
    assert cls.capabilities == {capability for capability in CAPABILITIES if hasattr(cls, capability)}
    assert build(name).capabilities <= cls.capabilities
    assert ("translate" in cls.capabilities) == ("source" in cls.needs)
    assert not cls.needs_pairs or "source" in cls.needs


def test_the_optimiser_of_the_generator_is_named_where_there_are_several(name):
    optimizers = build(name).optimizers()
    assert registry.model_class(name).generator in (optimizers if len(optimizers) > 1 else {""})


def test_parents_are_roles_of_one_kind(name):
    """And the model is built with its optional parents left open: that profile gives those that it shows."""
    cls = registry.model_class(name)
    assert not cls.parents & (cls.optional_parents | cls.feature_parents)  # a feature network may be optional
    needed = (cls.parents | cls.feature_parents) - cls.optional_parents
    if cls.optional_parents and SMOKE[name].parents.keys() == needed:
        assert build(name).frozen.keys() == needed


def test_optional_capabilities_have_their_shapes(blobs, trained):
    model = trained.model
    batch = draw(blobs, torch.arange(4), model.needs, torch.device("cpu"))
    x, given = batch["image"], [batch[key] for key in ("image", "label") if key in model.needs]
    with torch.no_grad():
        if "reconstruct" in model.capabilities:
            y = model.reconstruct(*given)
            assert y.shape == x.shape
            assert y.abs().max() <= 1 + 1e-5
        for capability in model.capabilities & {"log_likelihood", "log_likelihood_bound"}:
            nats = getattr(model, capability)(*given)
            assert nats.shape == (4,)
            assert nats.isfinite().all()
            assert (nats < 0).all()  # of discrete pixels: a probability
        if "rate" in model.capabilities:
            rate = model.rate(*given)
            assert rate.shape == model.latents(4).shape
            assert (rate > -1e-4).all()


def test_samples_are_images_of_its_latents(trained):
    model = trained.model
    if "latents" not in model.capabilities:
        pytest.skip("has no latents to walk between")
    labels = [torch.tensor([0, 1, 1])] if "label" in model.needs else []
    with torch.inference_mode():
        torch.manual_seed(0)
        images = model.sample(3, *labels)
        torch.manual_seed(0)
        z = model.latents(3)
        assert torch.equal(model.decode(z, *labels), images)
        if "traversals" in model.capabilities:
            rows = model.traversals(z[0], 5)
            assert rows.shape == (len(rows), 5, len(z[0]))


def test_colour_and_another_size_fit(name):
    model = build(name, Spec((3, 64, 64), 2)).eval()
    with torch.inference_mode():
        source = torch.zeros(1, 3, 64, 64) if "source" in model.needs else None
        assert sampling.draw(model, 1, None, source).shape == (1, 3, 64, 64)


def test_a_size_it_cannot_take_is_refused_in_one_sentence(name):
    message = ""
    try:
        with torch.inference_mode():
            model = build(name, Spec((1, 17, 17), 2)).eval()
            sampling.draw(model, 1, None, torch.zeros(1, 1, 17, 17) if "source" in model.needs else None)
    except ValueError as error:
        message = str(error)
    assert not message or "17" in message  # a model may take any size
    assert "\n" not in message
