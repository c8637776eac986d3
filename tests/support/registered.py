"""Every registered model, small: as its row of the profile `systems` builds it, for grey images with two classes."""

from typing import Any

import torch
from torch import nn

from paragone.engine import checkpoint
from paragone.models.base import Model, Spec
from paragone.project import registry, settings
from support import ROOT

SPEC = Spec((1, 32, 32), 2)
SMOKE = settings.read(ROOT, "systems").profiles["systems"].models


def build(name: str, spec: Spec = SPEC, **config: Any) -> Model:
    """A model, or a row of one, with what is to differ from its row's configuration."""
    entry = SMOKE[name]
    parents = {role: parent_of(name, role, spec) for role in entry.parents}
    return registry.build_model(entry.model or name, spec, {**entry.config, **config}, parents)


def parent_of(name: str, role: str, spec: Spec) -> nn.Module:
    """A finished row, or a feature network of fresh weights."""
    found = recipe(name, spec)["parents"][role]
    return registry.feature_network(found) if "features" in found else moved(build(SMOKE[name].parents[role], spec))


@torch.no_grad()
def moved(parent: nn.Module) -> nn.Module:
    """With weights that differ from its start, where what it predicts may be 0, as those of a finished model do."""
    for p in parent.parameters():
        p.add_(0.02 * torch.randn_like(p))
    return parent


def recipe(name: str, spec: Spec = SPEC) -> dict:
    entry = SMOKE[name]
    features = registry.model_class(entry.model or name).feature_parents
    known = {"shape": list(spec.shape), "classes": spec.classes, "channels": 0, "size": 64}  # of any feature network
    parents = {
        role: {"features": parent, **known} if role in features else recipe(parent, spec)
        for role, parent in entry.parents.items()
    }
    return checkpoint.recipe(entry.model or name, spec, entry.config, parents)
