"""Hold one model to the contract of `models.base`: each thing that is looked at, and what is wrong with it in words.

The model is trained for a few steps on drawn squares. It says whether the file can be run, resumed, sampled and saved
here, and nothing about what the model learns.
"""

import ast
import copy
import dataclasses
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from paragone.data.base import ImageSet
from paragone.engine import checkpoint, sampling
from paragone.engine.batches import draw
from paragone.engine.loop import Outcome, fit
from paragone.engine.seeding import Stream, seed_all
from paragone.models.base import CAPABILITIES, Model, Progress, Spec, Update
from paragone.project import registry

SPEC = Spec((1, 32, 32), 2)
COLOUR = Spec((3, 64, 64), 2)
STEPS, CUT, BATCH = 6, 3, 8


class Candidate(NamedTuple):
    """A model under examination."""

    name: str
    config: Mapping[str, Any]  # over the paper's, so that it is small enough to try
    folder: Path  # for its checkpoints

    def build(self, spec: Spec = SPEC) -> Model:
        seed_all(0, Stream.INIT)
        return registry.build_model(self.name, spec, self.config)

    def train(self, where: str, stop_at: int = STEPS) -> Outcome:
        model = self.build()
        plan = dataclasses.replace(type(model).plan, kimg=STEPS * BATCH / 1000, batch=BATCH, compile=False)
        folder = self.folder / where
        stop: Callable[[int], bool] = lambda step: step >= stop_at  # noqa: E731
        return fit(model, squares(), plan, seed=0, folder=folder, device=_CPU, progress=False, stop=stop)


_CPU = torch.device("cpu")


def squares(n: int = 64) -> ImageSet:
    """Grey images with one bright square each, labelled by its height; sources are the negatives."""
    place = torch.randint(2, 20, (n, 2), generator=torch.Generator().manual_seed(0))
    images = torch.zeros(n, 32, 32, 1, dtype=torch.uint8)
    for image, (y, x) in zip(images, place.tolist(), strict=True):
        image[y : y + 10, x : x + 10] = 220
    return ImageSet(images, (place[:, 0] > 10).long(), SPEC, 255 - images)


def check(candidate: Candidate) -> Iterator[tuple[str, str]]:
    """What is looked at, and what is wrong with it ("" if nothing is). Ends where the model cannot be built."""
    for about, look in CHECKS.items():
        try:
            problem = look(candidate)
        except Exception as error:  # whatever a stranger's model does
            problem = f"{type(error).__name__}: {' '.join(str(error).split())}"
        yield about, problem
        if problem and look in (_class, _builds):
            return


def _class(of: Candidate) -> str:
    cls = registry.model_class(of.name)
    if cls.__bases__ != (Model,):
        return f"{cls.__name__} extends {cls.__bases__[0].__name__}; extend Model, and import networks instead"
    missing = [key for key in ("title", "paper", "plan", "Config") if not hasattr(cls, key)]
    return f"{cls.__name__} has no `{missing[0]}`; add it to the class" if missing else ""


def _docstring(of: Candidate) -> str:
    text = inspect.getmodule(registry.model_class(of.name)).__doc__ or ""
    return "" if "http" in text else "the module's docstring names no address; name the paper and where it is"


def _config(of: Candidate) -> str:
    config = registry.model_class(of.name).Config
    if not dataclasses.is_dataclass(config) or not config.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        return "Config is no frozen dataclass; write @dataclass(frozen=True, kw_only=True) above it"
    loose = [f.name for f in dataclasses.fields(config) if not f.kw_only]
    if loose:
        return f"Config.{loose[0]} can be given by position; write @dataclass(frozen=True, kw_only=True)"
    bare = [
        f.name
        for f in dataclasses.fields(config)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    return f"Config.{bare[0]} has no default; give the paper's" if bare else ""


def _builds(of: Candidate) -> str:
    cls = registry.model_class(of.name)
    if roles := sorted(cls.parents | cls.feature_parents):
        return (
            f"it starts from {', '.join(roles)}, which only a profile's row can name; run it as a row to check the rest"
        )
    of.build()
    return ""


def _optimizers(of: Candidate) -> str:
    model = of.build()
    found = model.optimizers()
    if not isinstance(found, dict) or not all(isinstance(o, Optimizer) for o in found.values()):
        return "optimizers() returns no dict of optimisers; return {'g': Adam(...)}"
    for name, optimizer in found.items():
        held = [p for group in optimizer.param_groups for p in group["params"]]
        if len(held) != len({id(p) for p in held}):
            return f"optimiser '{name}' holds a parameter twice"
        if not all(p.requires_grad for p in held):
            return f"optimiser '{name}' holds a parameter that needs no gradient"
    if len(found) > 1 and type(model).generator not in found:
        return (
            f"`generator` is '{type(model).generator}'; name the optimiser that trains what draws: {', '.join(found)}"
        )
    return ""


def _losses(of: Candidate) -> str:
    model = of.build()
    known = model.optimizers()
    if not known:
        return ""
    batch = draw(squares(), torch.arange(BATCH), model.needs, _CPU)
    updates = model.losses(batch, Progress(0, 0.0, 1.0))
    if not isinstance(updates, Iterator):
        return "losses() is no generator; yield an Update for each optimiser step"
    count = 0
    for update in updates:
        count += 1
        if not isinstance(update, Update):
            return f"losses() yields {type(update).__name__}; yield Update(optimizer, loss)"
        if update.optimizer not in known:
            return f"losses() names the optimiser '{update.optimizer}'; there are {', '.join(known)}"
        for what, value in {"loss": update.loss, **update.logs}.items():
            if value.ndim or not torch.isfinite(value):
                return f"{what} of '{update.optimizer}' is {tuple(value.shape)} {value}; give one finite number"
    return "" if count else "losses() yields nothing, so nothing is trained"


def _no_yield_inside_with(of: Candidate) -> str:
    source = inspect.getsource(inspect.getmodule(registry.model_class(of.name)))  # type: ignore[arg-type]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.With):
            lines = [n.lineno for n in ast.walk(node) if isinstance(n, ast.Yield | ast.YieldFrom)]
            if lines:
                return f"line {lines[0]} yields inside a `with`, which would leak into the loop; yield after it"
    return ""


def _trains(of: Candidate) -> str:
    if not of.build().optimizers():
        return ""
    result = of.train("whole")
    if result.outcome != "finished":
        return f"{STEPS} steps on simple images end in: {result.reason}"
    return "training changes no weight" if _same(of.build(), result.model) else ""


def _resumes(of: Candidate) -> str:
    of.train("cut", CUT)
    same = _same(of.train("cut").model, of.train("again").model)
    return (
        ""
        if same
        else (
            f"a training cut after {CUT} steps ends in other weights; keep what changes in buffers, draw by torch alone"
        )
    )


def _samples(of: Candidate) -> str:
    model = of.train("whole").model.eval()
    draws = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        draws.append(_pictures(model, 3, SPEC))
    first = draws[0]
    if first.shape != (3, *SPEC.shape):
        return f"3 samples are {tuple(first.shape)}; return {(3, *SPEC.shape)}"
    if not first.isfinite().all() or first.abs().max() > 1 + 1e-5:
        return f"samples go from {first.min():.3g} to {first.max():.3g}; keep to -1 to 1"
    if not torch.equal(first, draws[1]):
        return "the same seed gives other samples; draw by torch's generator alone"
    return "another seed gives the same samples" if "source" not in model.needs and torch.equal(first, draws[2]) else ""


def _file(of: Candidate) -> str:
    model, path = of.train("whole").model, of.folder / "model.safetensors"
    checkpoint.save_model(path, model, checkpoint.recipe(of.name, SPEC, of.config, {}))
    return "" if _same(model, checkpoint.load_model(path)[0]) else "its file gives other weights back"


def _capabilities(of: Candidate) -> str:
    cls = registry.model_class(of.name)
    there = {name for name in CAPABILITIES if hasattr(cls, name)}
    if undeclared := sorted(there - cls.capabilities):
        return f"it has `{undeclared[0]}` and does not declare it; add it to `capabilities`"
    absent = sorted(cls.capabilities - there)
    return f"it declares `{absent[0]}` and has no such method" if absent else ""


def _reconstructions(of: Candidate) -> str:
    model = of.train("whole").model.eval()
    batch = draw(squares(), torch.arange(4), model.needs, _CPU)
    given = [batch[key] for key in ("image", "label") if key in model.needs]
    with torch.no_grad():
        for name in sorted(model.capabilities & {"log_likelihood", "log_likelihood_bound", "reconstruct"}):
            found: Tensor = getattr(model, name)(*given)
            wanted = batch["image"].shape if name == "reconstruct" else (4,)
            if found.shape != wanted or not found.isfinite().all():
                return f"{name} returns {tuple(found.shape)}; return finite {tuple(wanted)}"
    return ""


def _colour(of: Candidate) -> str:
    found = _pictures(of.build(COLOUR).eval(), 1, COLOUR)
    return "" if found.shape == (1, *COLOUR.shape) else f"a sample of {COLOUR.shape} is {tuple(found.shape)}"


def _pictures(model: Model, n: int, spec: Spec) -> Tensor:
    source = torch.linspace(-1, 1, n * math.prod(spec.shape)).view(n, *spec.shape)
    with torch.inference_mode():
        return sampling.draw(model, n, None, source if "source" in model.needs else None)


def _same(a: nn.Module, b: nn.Module) -> bool:
    one, other = copy.deepcopy(a.state_dict()), b.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


CHECKS: Mapping[str, Callable[[Candidate], str]] = {
    "the file defines one Model with title, paper, plan and Config": _class,
    "its docstring names the paper's address": _docstring,
    "its Config is frozen, keyword-only and complete": _config,
    "it builds for grey images of 32 x 32 with two classes": _builds,
    "optimisers hold each parameter once": _optimizers,
    "losses yields updates with finite losses": _losses,
    "nothing is yielded inside a `with`": _no_yield_inside_with,
    "training moves the weights": _trains,
    "a training that was cut goes on to the same bits": _resumes,
    "samples have the shape, the range and the seed that they must": _samples,
    "its file restores it": _file,
    "what it can do is declared": _capabilities,
    "what it declares has the shapes that it must": _reconstructions,
    "colour images of 64 x 64 fit": _colour,
}
